// Where the model looked: the contribution of each cell of its last feature map to each label's score (an exact sum, as
// classifier/inference/linear_head.py computes it), and the picture of them (classifier/inference/heatmap.py).

/** Return the parts of each pooled feature (maxima, then means) that belong to each cell, rows of n cells, and their
 *  sums. sharpness: a maximum is shared out by this power of the cells; without it, the cell that has it has it all. */
export function pooled({ means, maxima }, cells, d, n, sharpness = null) {
  const parts = [], sums = []
  for (let i = 0; maxima && i < d; i++) {
    const from = cells.subarray(i * n, (i + 1) * n), highest = Math.max(...from), part = new Float64Array(n)
    const weight = value => sharpness === null ? Number(value === highest) : Math.max(0, value) ** sharpness
    const won = Math.max(1e-12, from.reduce((sum, value) => sum + weight(value), 0))
    from.forEach((value, cell) => part[cell] = highest * weight(value) / won)
    parts.push(part)
    sums.push(highest)
  }
  for (let i = 0; means && i < d; i++) {
    const part = Float64Array.from(cells.subarray(i * n, (i + 1) * n), value => value / n)
    parts.push(part)
    sums.push(part.reduce((sum, value) => sum + value, 0))
  }
  return [parts, Float64Array.from(sums)]
}

/** Return the outputs of a head's layers, and for each layer what turns slopes of its outputs into those of its inputs.
 *  */
function passed(layers, values) {
  const back = []
  for (const { weight, bias, scale, shift } of layers) {
    if (weight) {
      const [outs, ins] = weight.shape, w = weight.data, from = values
      values = Float64Array.from({ length: outs }, (_, o) => {
        let sum = bias.data[o]
        for (let i = 0, at = o * ins; i < ins; i++) sum += w[at++] * from[i]
        return sum
      })
      back.push(slopes => {
        const out = new Float64Array(ins)
        slopes.forEach((slope, o) => {
          for (let i = 0, at = o * ins; slope && i < ins; i++) out[i] += slope * w[at++]
        })
        return out
      })
    } else if (scale) {
      values = values.map((value, i) => value * scale.data[i] + shift.data[i])
      back.push(slopes => slopes.map((slope, i) => slope * scale.data[i]))
    } else {
      const on = values.map(value => Number(value > 0))
      values = values.map(value => Math.max(0, value))
      back.push(slopes => slopes.map((slope, i) => slope * on[i]))
    }
  }
  return [values, back.reverse()]
}

/** Return {contributions: a Float64Array of cells for each label, biases, slopes}: with its bias, a label's add up to
 *  its score; the slopes are those of the pooled features.
 *  head: of the metadata, unpacked; cells: Float32Array of d × n, the backbone's feature map of one photo. */
export function contributionsOf(head, cells, d, n) {
  const [parts, sums] = pooled(head, cells, d, n), [scores, back] = passed(head.layers, sums)
  const contributions = [], biases = [], all = []
  scores.forEach((score, label) => {
    let slopes = new Float64Array(scores.length)
    slopes[label] = 1
    for (const step of back) slopes = step(slopes)
    const shares = new Float64Array(n)
    slopes.forEach((slope, i) => {
      for (let cell = 0; slope && cell < n; cell++) shares[cell] += slope * parts[i][cell]
    })
    contributions.push(shares)
    all.push(slopes)
    biases.push(score - slopes.reduce((sum, slope, i) => sum + slope * sums[i], 0))
  })
  return { contributions, biases, slopes: all }
}

const FOR = [255, 140, 0], AGAINST = [0, 110, 255] // orange and blue differ for every kind of colour vision
const GREYS = [45, 215], MAX_COLOR = 0.85, UNSEEN = 0.3, PALE = 170, LINES = [[3, 30], [1, 255]], OUTLINED = 0.2

/** Return for each pixel the two cells that it lies between, between `start` and `end`, 0 to 1 of a side, and the
 *  weight of the second: {low, high, weight}; the weight of a pixel outside is not-a-number. */
function interpolation(nPixels, start, end, nCells) {
  const low = new Int32Array(nPixels), high = new Int32Array(nPixels), weight = new Float64Array(nPixels)
  for (let pixel = 0; pixel < nPixels; pixel++) {
    const at = ((pixel + 0.5) / nPixels - start) / Math.max(end - start, 1e-9)
    const place = Math.min(nCells - 1, Math.max(0, at * nCells - 0.5))
    low[pixel] = Math.floor(place)
    high[pixel] = Math.min(nCells - 1, low[pixel] + 1)
    weight[pixel] = at < 0 || at > 1 ? NaN : place - low[pixel]
  }
  return { low, high, weight }
}

/** Return the shares over a picture of `size` as a Float32Array, not-a-number outside what the model saw. */
function interpolated({ shown, seen: [left, top, right, bottom] }, photoSize, [w, h]) {
  const { values, width, height } = shown
  const rows = interpolation(h, top / photoSize[1], bottom / photoSize[1], height)
  const columns = interpolation(w, left / photoSize[0], right / photoSize[0], width)
  const out = new Float32Array(w * h), row = new Float64Array(width)
  for (let y = 0, to = 0; y < h; y++) {
    const above = rows.low[y] * width, below = rows.high[y] * width, down = rows.weight[y]
    for (let cell = 0; cell < width; cell++)
      row[cell] = (1 - down) * values[above + cell] + down * values[below + cell]
    for (let x = 0; x < w; x++, to++) {
      const across = columns.weight[x]
      out[to] = (1 - across) * row[columns.low[x]] + across * row[columns.high[x]]
    }
  }
  return out
}

function quantile(values, share) {
  const sorted = values.filter(value => !Number.isNaN(value)).sort(), at = (sorted.length - 1) * share
  const low = Math.floor(at)
  return sorted.length ? sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]) : 0
}

/** Return whether a pixel of a mask lies within `reach` of its edge; the picture's border is no edge. */
function atEdge(mask, w, h, x, y, reach) {
  const row = y * w, left = Math.max(0, x - reach), right = Math.min(w - 1, x + reach)
  const above = Math.max(0, y - reach) * w, below = Math.min(h - 1, y + reach) * w
  return !(mask[above + x] && mask[below + x] && mask[row + left] && mask[row + right])
}

/** Return the grey of the outline at a pixel of the outlined part; 0 where there is none. */
function lineAt(mask, w, h, x, y) {
  for (let i = LINES.length - 1; i >= 0; i--) if (atEdge(mask, w, h, x, y, LINES[i][0])) return LINES[i][1]
  return 0
}

/** Draw a photo in grey with a heatmap over it. heatmap, explanation: of `Classifier.explain`. Orange is for the label,
 *  blue against it; the fifth of the picture with the largest shares is outlined, and what the model did not see is
 *  pale. */
export function drawHeatmap(heatmap, { photo, size }, canvas) {
  const w = canvas.width = photo.width, h = canvas.height = photo.height
  const context = canvas.getContext("2d", { willReadFrequently: true })
  context.drawImage(photo, 0, 0)
  const picture = context.getImageData(0, 0, w, h), pixels = picture.data
  const shares = interpolated(heatmap, size, [w, h])
  const least = Math.max(0, quantile(shares, 1 - OUTLINED)), mask = new Uint8Array(w * h)
  for (let i = 0; i < mask.length; i++) mask[i] = shares[i] > least
  for (let y = 0, i = 0; y < h; y++)
    for (let x = 0; x < w; x++, i++) {
      const at = 4 * i, share = shares[i], unseen = share !== share, color = share > 0 ? FOR : AGAINST
      const light = 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]
      const grey = GREYS[0] + light * ((GREYS[1] - GREYS[0]) / 255)
      const strength = unseen ? 0 : MAX_COLOR * Math.min(1, Math.abs(share) / (heatmap.largest || 1))
      const line = mask[i] ? lineAt(mask, w, h, x, y) : 0
      for (let c = 0; c < 3; c++)
        pixels[at + c] = line || (unseen ? PALE + (grey - PALE) * UNSEEN : grey * (1 - strength) + color[c] * strength)
    }
  context.putImageData(picture, 0, 0)
}

// fastai's resizing of a batch (presizing), as classifier/resample.py does it: one matrix for the rows, one for the
// columns, since the affine matrix is the identity in validation.

/** Return left, top, right and bottom of the part of a photo of `size` that a step keeps. */
export function regionOf({ crop }, [width, height]) {
  if (!crop) return [0, 0, width, height]
  const [narrow, wide, share] = crop
  let kept = [height, width] // as fastai computes them, with its error for narrow photos
  if (width / height < narrow) kept = [Math.trunc(width / narrow), width]
  else if (width / height > wide) kept = [height, Math.trunc(height * wide)]
  kept = kept.map(side => Math.trunc(side * share))
  const top = Math.floor((height - kept[0]) / 2), left = Math.floor((width - kept[1]) / 2)
  return [Math.max(left, 0), Math.max(top, 0), Math.min(left + kept[1], width), Math.min(top + kept[0], height)]
}

/** A matrix as rows of [column, weight]: nearly all of its weights are 0. */
function areaMeans(side, to) {
  return Array.from({ length: to }, (_, i) => {
    const start = Math.floor(i * side / to), end = Math.ceil((i + 1) * side / to)
    return Array.from({ length: end - start }, (_, j) => [start + j, 1 / (end - start)])
  })
}

function bilinear(side, to, padMode, alignCorners) {
  return Array.from({ length: to }, (_, i) => {
    const grid = to > 1 ? -1 + 2 * i / (to - 1) : 0
    let at = alignCorners ? (grid + 1) / 2 * (side - 1) : ((grid * (to - 1) / to + 1) * side - 1) / 2
    if (padMode !== "zeros") at = Math.min(side - 1, Math.max(0, at))
    const low = Math.floor(at)
    return [[low, 1 - (at - low)], [low + 1, at - low]].filter(([index]) => index >= 0 && index < side)
  })
}

function product(rows, means) {
  return means ? rows.map(row => row.flatMap(([i, weight]) => means[i].map(([j, share]) => [j, weight * share]))) : rows
}

/** Return {data, width, height, channels} of a step on the same. */
export function resampled(input, step) {
  const [left, top, right, bottom] = regionOf(step, [input.width, input.height])
  const height = bottom - top, width = right - left, [outWidth, outHeight] = step.size
  const by = Math.min(height / outWidth, width / 2) / 2 // of the grid's last two sides, as fastai computes it
  const longest = Math.max(outWidth, outHeight)
  const zoom = step.align_corners ? 1 : longest / Math.max(longest - 1, 1e-9)
  const shrinks = by > 1 && by > zoom
  const matrix = (side, to) => {
    const between = shrinks ? Math.trunc(side * (1 / by)) : side
    return product(bilinear(between, to, step.pad_mode, step.align_corners), shrinks && areaMeans(side, between))
  }
  const rows = matrix(height, outHeight), columns = matrix(width, outWidth)
  const data = new Float32Array(input.channels * outHeight * outWidth), line = new Float64Array(width)
  for (let c = 0, to = 0; c < input.channels; c++)
    for (const row of rows) {
      line.fill(0)
      for (const [y, weight] of row) {
        const from = (c * input.height + top + y) * input.width + left
        for (let x = 0; x < width; x++) line[x] += weight * input.data[from + x]
      }
      for (const column of columns) data[to++] = column.reduce((sum, [x, weight]) => sum + weight * line[x], 0)
    }
  return { data, width: outWidth, height: outHeight, channels: input.channels }
}

// Pillow's resizing, bit for bit: fixed-point weights, rows first, 8 bits in between (its libImaging/Resample.c).
//
// A picture is {width, height, channels, stride, rows(y, n)}: n rows from y on as bytes, `stride` of them a pixel, of
// which the first `channels` count. It is read once, from top to bottom, so a large photo never lies in memory whole.

const BITS = 22 // of a weight's fraction
const STRIP = 256 // rows that are read at a time
const sinc = x => x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
const hamming = x => x < 1e-9 ? 1 : x < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0
const cubic = x => x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
const NEAREST = 0
export const BICUBIC = 3
const FILTERS = { // by Pillow's number: how far one reaches, and its weight at a distance of pixels
  1: [3, x => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0],
  2: [1, x => Math.max(0, 1 - Math.abs(x))],
  [BICUBIC]: [2, x => cubic(Math.abs(x))],
  4: [0.5, x => x > -0.5 && x <= 0.5 ? 1 : 0],
  5: [1, x => hamming(Math.abs(x))],
}

/** A picture whose bytes lie in memory. data: Uint8Array, `channels` bytes a pixel. */
export function pictureOf(width, height, channels, data) {
  const line = width * channels
  return { width, height, channels, stride: channels, data, rows: (y, n) => data.subarray(y * line, (y + n) * line) }
}

/** The weights of an axis: for each output pixel the first input pixel, their number, and their weights. from, to: the
 *  part of the axis that is resized. */
function weights(side, from, to, size, filter) {
  const [radius, weigh] = FILTERS[filter]
  const scale = (to - from) / size, stretch = Math.max(scale, 1), reach = radius * stretch, shrink = 1 / stretch
  const most = Math.ceil(reach) * 2 + 1
  const first = new Int32Array(size), n = new Int32Array(size), values = new Int32Array(size * most)
  const some = new Float64Array(most)
  for (let i = 0; i < size; i++) {
    const center = from + (i + 0.5) * scale, start = Math.max(0, Math.trunc(center - reach + 0.5))
    const count = Math.min(side, Math.trunc(center + reach + 0.5)) - start
    let sum = 0
    for (let j = 0; j < count; j++) sum += some[j] = weigh((j + start - center + 0.5) * shrink)
    for (let j = 0; j < count; j++) {
      const value = (sum === 0 ? some[j] : some[j] / sum) * 2 ** BITS
      values[i * most + j] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5)
    }
    first[i] = start
    n[i] = count
  }
  return { first, n, values, most }
}

const clip = sum => (sum >>= BITS) < 0 ? 0 : sum > 255 ? 255 : sum

/** Write rows, resized in width, to `out` from byte `to` on. */
function resizeRows(rows, n, { width, channels, stride }, across, outWidth, out, to) {
  for (let y = 0; y < n; y++) {
    const line = y * width * stride
    for (let x = 0; x < outWidth; x++, to += channels) {
      const begin = across ? across.first[x] : x, at = line + begin * stride
      if (!across) {
        for (let c = 0; c < channels; c++) out[to + c] = rows[at + c]
      } else if (channels === 3) { // one loop for the three: most of the time of a large photo goes here
        let red = 1 << (BITS - 1), green = red, blue = red
        for (let i = at, w = x * across.most, end = w + across.n[x]; w < end; w++, i += stride) {
          const weight = across.values[w]
          red += rows[i] * weight
          green += rows[i + 1] * weight
          blue += rows[i + 2] * weight
        }
        out[to] = clip(red)
        out[to + 1] = clip(green)
        out[to + 2] = clip(blue)
      } else {
        let grey = 1 << (BITS - 1)
        for (let i = at, w = x * across.most, end = w + across.n[x]; w < end; w++, i += stride)
          grey += rows[i] * across.values[w]
        out[to] = clip(grey)
      }
    }
  }
}

/** Return bytes of `height` lines resized to those of `down`. */
function resizeColumns(middle, line, down, outHeight) {
  const out = new Uint8Array(outHeight * line), sums = new Int32Array(line)
  for (let y = 0; y < outHeight; y++) {
    sums.fill(1 << (BITS - 1))
    for (let j = 0; j < down.n[y]; j++) {
      const weight = down.values[y * down.most + j]
      for (let x = 0, i = (down.first[y] + j) * line; x < line; x++) sums[x] += middle[i++] * weight
    }
    for (let x = 0, to = y * line; x < line; x++) out[to++] = clip(sums[x])
  }
  return out
}

/** Return the picture resized as Pillow's `resize` does. filter: Pillow's number; box: the part of it, or all. */
export function resized(picture, [outWidth, outHeight], filter, box = [0, 0, picture.width, picture.height]) {
  const { width, height, channels } = picture
  if (filter === NEAREST) return nearest(picture, [outWidth, outHeight], box)
  const whole = (size, from, to) => from === 0 && to === size
  const across = outWidth === width && whole(width, box[0], box[2]) ? null
    : weights(width, box[0], box[2], outWidth, filter)
  const down = outHeight === height && whole(height, box[1], box[3]) ? null
    : weights(height, box[1], box[3], outHeight, filter)
  const line = outWidth * channels, middle = new Uint8Array(height * line)
  for (let y = 0; y < height; y += STRIP) {
    const n = Math.min(STRIP, height - y)
    resizeRows(picture.rows(y, n), n, picture, across, outWidth, middle, y * line)
  }
  return pictureOf(outWidth, outHeight, channels, down ? resizeColumns(middle, line, down, outHeight) : middle)
}

/** The pixels of an axis that are taken; each place is the one before and a step, with the error that this adds up. */
function places(side, from, to, size) {
  const step = (to - from) / size, found = new Int32Array(size)
  for (let i = 0, at = from + step / 2; i < size; i++, at += step) found[i] = Math.min(side - 1, Math.trunc(at))
  return found
}

function nearest({ width, height, channels, stride, rows }, [outWidth, outHeight], box) {
  const out = new Uint8Array(outWidth * outHeight * channels), columns = places(width, box[0], box[2], outWidth)
  let to = 0
  for (const row of places(height, box[1], box[3], outHeight)) {
    const line = rows(row, 1)
    for (const column of columns)
      for (let c = 0; c < channels; c++) out[to++] = line[column * stride + c]
  }
  return pictureOf(outWidth, outHeight, channels, out)
}

/** Return the picture with each box of `across` by `down` pixels as their mean, as Pillow's `reduce`. */
function reduced({ width, height, channels, stride, rows }, across, down) {
  const outWidth = Math.ceil(width / across), outHeight = Math.ceil(height / down)
  const out = new Uint8Array(outWidth * outHeight * channels)
  for (let y = 0, to = 0; y < outHeight; y++) {
    const n = Math.min(down, height - y * down), lines = rows(y * down, n)
    for (let x = 0; x < outWidth; x++) {
      const wide = Math.min(across, width - x * across), count = n * wide
      for (let c = 0; c < channels; c++) {
        let sum = count >> 1
        for (let j = 0; j < n; j++)
          for (let i = 0; i < wide; i++) sum += lines[(j * width + x * across + i) * stride + c]
        out[to++] = Math.floor(sum * Math.floor(2 ** 24 / count) / 2 ** 24)
      }
    }
  }
  return pictureOf(outWidth, outHeight, channels, out)
}

/** Return the picture with its area multiplied by `share`, 0 to 1, as `shrunk` of classifier/resize.py does it. */
export function shrunk(picture, share) {
  const side = length => Math.max(1, Math.trunc(length * share ** 0.5)), { width, height } = picture
  const size = [side(width), side(height)]
  const across = Math.trunc(width / size[0] / 2) || 1, down = Math.trunc(height / size[1] / 2) || 1 // its reducing_gap
  if (across === 1 && down === 1) return resized(picture, size, BICUBIC)
  return resized(reduced(picture, across, down), size, BICUBIC, [0, 0, width / across, height / down])
}

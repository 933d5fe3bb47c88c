// From an upright photo to the model's input, as classifier/preprocess.py and classifier/resize.py do it with Pillow:
// the steps of a fastai export, then scaling and normalising. A picture is what resample.js says.
import { resized, shrunk } from "./resample.js"
import { regionOf as regionOfBatch, resampled } from "./batch_resize.js"

const MAX_PADDED_PIXELS = 100e6, MAX_UNSIZED = 2e6, MAX_SIDE = 2048
const BILINEAR = 2 // Pillow's number of it

/** Return the nearest whole number, of two the even one, as Python does. */
const rounded = value => value % 1 === 0.5 || value % 1 === -0.5 ? 2 * Math.round(value / 2) : Math.round(value)

/** Return the pixel of an axis of `side` that padding shows at `i`; -1 for black. */
function padding(mode, i, side) {
  if (i >= 0 && i < side) return i
  if (mode === "border") return i < 0 ? 0 : side - 1
  if (mode !== "reflection") return -1
  if (side === 1) return 0
  const period = 2 * (side - 1), at = ((i % period) + period) % period
  return at < side ? at : period - at
}

/** Return the part of the picture that begins at left, top; beyond its edges it is padded. */
function part(picture, [left, top], [width, height], mode) {
  const { channels, stride } = picture
  const columns = Int32Array.from({ length: width }, (_, x) => padding(mode, left + x, picture.width))
  const inside = left >= 0 && left + width <= picture.width
  const rows = (y, n) => {
    if (inside && top + y >= 0 && top + y + n <= picture.height && width === picture.width)
      return picture.rows(top + y, n)
    const out = new Uint8Array(n * width * stride)
    for (let j = 0, to = 0; j < n; j++) {
      const row = padding(mode, top + y + j, picture.height)
      const line = row < 0 ? null : picture.rows(row, 1)
      if (line && inside) out.set(line.subarray(left * stride, (left + width) * stride), to)
      else if (line)
        for (let x = 0; x < width; x++)
          if (columns[x] >= 0)
            for (let c = 0; c < stride; c++) out[to + x * stride + c] = line[columns[x] * stride + c]
      to += width * stride
    }
    return out
  }
  return { width, height, channels, stride, rows }
}

function middle(picture, size, mode, round) {
  const offset = [picture.width - size[0], picture.height - size[1]].map(spare => round(spare / 2))
  return part(picture, offset, size, mode)
}

function resize(picture, { size, method, pad_mode: mode, resample }) {
  if (method === "squish") return resized(picture, size, resample)
  const choose = method === "pad" ? Math.max : Math.min
  const boxOf = ({ width, height }) => {
    const by = choose(width / size[0], height / size[1])
    return size.map(side => Math.trunc(by * side))
  }
  let box = boxOf(picture)
  if (box[0] * box[1] > MAX_PADDED_PIXELS) {
    picture = shrunk(picture, MAX_PADDED_PIXELS / (box[0] * box[1]))
    box = boxOf(picture)
  }
  return resized(middle(picture, box, mode, Math.trunc), size, resample)
}

const STEPS = {
  resize,
  resize_then_crop: (picture, step) =>
    middle(resized(picture, step.resize_to, step.resample), step.size, "zeros", Math.floor),
  crop_pad: (picture, step) => middle(picture, step.size, step.pad_mode, Math.floor),
}

function bounded(picture) {
  const pixels = ({ width, height }) => width * height
  if (pixels(picture) > MAX_UNSIZED) picture = shrunk(picture, MAX_UNSIZED / pixels(picture))
  const longest = Math.max(picture.width, picture.height)
  return longest > 2 * MAX_SIDE ? shrunk(picture, (2 * MAX_SIDE / longest) ** 2) : picture
}

/** Return the picture in grey, as Pillow converts RGB to L. */
function grey({ width, height, stride, rows }) {
  return { width, height, channels: 1, stride: 1, rows: (y, n) => {
    const from = rows(y, n), out = new Uint8Array(n * width)
    for (let i = 0, at = 0; i < out.length; i++, at += stride)
      out[i] = (19595 * from[at] + 38470 * from[at + 1] + 7471 * from[at + 2] + 0x8000) >> 16
    return out
  } }
}

const middleOf = (size, wanted) => {
  const [left, top] = size.map((side, i) => (side - wanted[i]) / 2)
  return [left, top, left + wanted[0], top + wanted[1]]
}

/** Return which part of a photo of `size` becomes a step's output: left, top, right, bottom. */
function regionOf(step, size) {
  if (step.kind === "crop_pad") return middleOf(size, step.size)
  if (step.kind === "resize_then_crop")
    return middleOf(size, size.map((side, i) => side * step.size[i] / step.resize_to[i]))
  if (step.method === "squish") return [0, 0, ...size]
  const by = (step.method === "pad" ? Math.max : Math.min)(size[0] / step.size[0], size[1] / step.size[1])
  return middleOf(size, step.size.map(side => by * side))
}

export class Preprocess {
  /** data: the `preprocess` of the metadata. */
  constructor({ mode, steps, batch_steps: batchSteps = [], scale, mean, std }) {
    this.settings = { mode, scale, mean, std }
    if (!steps.every(step => step.kind in STEPS)) throw new Error("The model wants its photos in a way unknown here.")
    Object.assign(this, { mode, steps, batchSteps, mean, std, channels: mode === "L" ? 1 : 3 })
    const f32 = Math.fround
    this.normalised = (value, c) => mean ? f32(f32(value - f32(mean[c])) / f32(std[c])) : value
    this.tables = Array.from({ length: this.channels }, (_, c) => Float32Array.from({ length: 256 }, (_, sample) => {
      const scaled = f32(sample / f32(scale)) // float32 at each step, as NumPy
      return batchSteps.length ? scaled : this.normalised(scaled, c)
    }))
  }

  /** Return the photo as {data: Float32Array of channels × height × width, width, height}. */
  apply(picture) {
    if (this.mode === "L") picture = grey(picture)
    if (!this.steps.length) picture = bounded(picture)
    for (const step of this.steps) picture = STEPS[step.kind](picture, step)
    let input = this.scaled(picture)
    for (const step of this.batchSteps) input = resampled(input, step)
    if (this.batchSteps.length) {
      const n = input.width * input.height
      for (let i = 0; i < input.data.length; i++) input.data[i] = this.normalised(input.data[i], Math.floor(i / n))
    }
    return input
  }

  scaled({ width, height, channels, stride, rows }) {
    const n = width * height, data = new Float32Array(channels * n), samples = rows(0, height)
    for (let c = 0; c < channels; c++)
      for (let i = 0, at = c, to = c * n; i < n; i++, at += stride) data[to++] = this.tables[c][samples[at]]
    return { data, width, height, channels }
  }

  /** Return the model's inputs of the four quarters of what it sees, in rows; null where its input has no size. */
  quarters(picture, [left, top, right, bottom]) {
    const last = [...this.steps, ...this.batchSteps].at(-1)
    if (!last) return null
    const whole = { kind: "resize", method: "squish", pad_mode: "zeros", resample: BILINEAR, size: last.size }
    const closer = new Preprocess({ ...this.settings, steps: [whole], batch_steps: [] })
    const [x, y] = [[left, right], [top, bottom]].map(([from, to]) => [from, (from + to) / 2, to].map(rounded))
    return [[0, 0], [1, 0], [0, 1], [1, 1]].map(([i, j]) => {
      const size = [Math.max(1, x[i + 1] - x[i]), Math.max(1, y[j + 1] - y[j])]
      return closer.apply(part(picture, [x[i], y[j]], size, "zeros"))
    })
  }

  /** Return the part of a photo of `size` that the model sees; larger than the photo where that is padded. */
  seen(size) {
    const passed = []
    for (const step of this.steps) {
      passed.push([regionOf(step, size), step.size])
      size = step.size
    }
    for (const step of this.batchSteps) {
      passed.push([regionOfBatch(step, size), step.size])
      size = step.size
    }
    let box = [0, 0, ...size]
    for (const [[left, top, right, bottom], [width, height]] of passed.reverse()) {
      const x = (right - left) / width, y = (bottom - top) / height
      box = [left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y]
    }
    return box
  }
}

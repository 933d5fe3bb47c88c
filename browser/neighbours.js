// The training photos that a photo resembles most, as classifier/inference/neighbours.py and neighbour_facts.py have
// them.
import { normalise } from "./confidence.js"
import { readHeaders } from "./headers.js"

const N_SHOWN = 5, WHOLE = 127
const MAX_PHOTOS = 10000, MAX_AXES = 512, MAX_CODES = 2e6, MAX_PICTURES = 2e6
const LARGEST = 10, MAX_NAME = 500, MAX_LABELS = 100, MAX_PIXELS = 192 ** 2

const isSmall = value => Math.abs(value) < LARGEST
const sized = (array, ...shape) =>
  array?.data && array.shape.length === shape.length && shape.every((n, i) => n === array.shape[i])

export class Neighbours {
  /** Return what an export tells of its training photos; null where it tells nothing, or nothing that makes sense.
   *  nFeatures: of the model; labels: its labels; multiLabel: whether a photo may have several of them, or none. */
  static fromFacts(facts, nFeatures, labels, multiLabel = false) {
    const { files, mean, rest, axes, codes, scales, labels: marks } = facts ?? {}
    const n = Array.isArray(files) ? files.length : 0, d = scales?.shape?.[0] ?? 0, most = marks?.shape?.[1] ?? 0
    const isName = name => typeof name === "string" && name.length <= MAX_NAME
    const valid = n > 0 && n <= MAX_PHOTOS && files.every(isName) &&
      d > 0 && d <= MAX_AXES && n * d <= MAX_CODES && sized(scales, d) && sized(axes, d, nFeatures) &&
      sized(mean, nFeatures) && sized(rest, n) && [mean, rest, scales].every(({ data }) => data.every(isSmall)) &&
      sized(codes, n, d) && sized(marks, n, most) && most > 0 && most <= (multiLabel ? MAX_LABELS : 1) &&
      marks.data.every(i => i >= (multiLabel ? -1 : 0) && i < labels.length) &&
      scales.data.every(scale => scale >= 0) &&
      codes.data.every(code => code >= -WHOLE && code <= WHOLE)
    return valid ? new Neighbours(facts, nFeatures, labels, most) : null
  }

  #pictures
  #ends

  constructor({ files, mean, rest, axes, codes, scales, labels: marks, pictures, ends }, nFeatures, labels, most) {
    const d = scales.data.length
    Object.assign(this, { files, d, nFeatures, mean: mean.data, rest: rest.data, axes: Float32Array.from(axes.data) })
    for (let axis = 0; axis < d; axis++) normalise(this.axes, axis * nFeatures, nFeatures)
    const parts = Float32Array.from(scales.data, scale => scale / WHOLE)
    this.rows = Float32Array.from(codes.data, (code, i) => code * parts[i % d])
    this.labels = files.map((_, row) =>
      [...marks.data.subarray(row * most, (row + 1) * most)].filter(i => i >= 0).map(i => labels[i]))
    const whole = pictures?.data instanceof Uint8Array && pictures.shape.length === 1 &&
      pictures.data.length <= MAX_PICTURES && sized(ends, files.length) && ends.data.every((end, i) =>
      end >= (i ? ends.data[i - 1] : 0) && end <= pictures.data.length)
    this.#pictures = whole ? pictures.data : null
    this.#ends = whole ? ends.data : null
  }

  /** Return the training photos that are nearest to a photo's features, the nearest first: {file, labels, similarity,
   *  index}. Of equally near ones the first of the export is first; [] for features without a direction. */
  nearest(features, n = N_SHOWN) {
    const own = Float32Array.from(features), along = new Float32Array(this.d)
    normalise(own)
    if (!own.some(Boolean)) return []
    const away = own.map((value, i) => value - this.mean[i]), middle = product(this.mean, 0, own)
    for (let axis = 0; axis < this.d; axis++) along[axis] = product(this.axes, axis * this.nFeatures, away)
    const similar = Float32Array.from(this.rest, (rest, row) => product(this.rows, row * this.d, along) + rest + middle)
    const least = n < similar.length ? similar.slice().sort()[similar.length - n] : -Infinity
    const found = [...similar.keys()].filter(i => similar[i] >= least)
    found.sort((one, other) => similar[other] - similar[one] || one - other)
    return found.slice(0, n).map(index => ({
      file: this.files[index], labels: this.labels[index], index,
      similarity: Math.min(1, Math.max(0, similar[index])),
    }))
  }

  /** Return the small JPEG of a training photo as a Blob; null where there is none, or it is anything else. */
  async picture({ index }) {
    if (!this.#pictures) return null
    const bytes = this.#pictures.slice(index ? this.#ends[index - 1] : 0, this.#ends[index])
    const { format, size: [width, height] } = await readHeaders(bytes).catch(() => ({ size: [0, 0] }))
    return format === "JPEG" && width * height <= MAX_PIXELS ? new Blob([bytes], { type: "image/jpeg" }) : null
  }
}

/** Return the sum of products of a vector and as many numbers of a table from `at` on. */
function product(table, at, vector) {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += table[at + i] * vector[i]
  return sum
}

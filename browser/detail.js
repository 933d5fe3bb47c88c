// A second look, at twice the size, for the picture of where the model looked (classifier/inference/detail.py).
import { pooled } from "./heatmap.js"

const MAX_NUMBERS = 30e6 // in an array that a detail is computed from
const SHARPNESS = 2 // a maximum is shared out by this power of the cells
const SIGMA = 1.2 // of the smoothing, in the detail's cells

/** Return the sum of the parts of each cell, weighted by a label's slopes. */
function weighted(slopes, parts, n) {
  const sum = new Float64Array(n)
  slopes.forEach((slope, i) => {
    for (let cell = 0; slope && cell < n; cell++) sum[cell] += slope * parts[i][cell]
  })
  return sum
}

/** Return {values: of each label, 2H × 2W, width, height}; null where that would be too large, or no numbers.
 *  slopes: of each label, from `contributionsOf`; cells: d × H × W; ofQuarters: 4 × d × H × W, the quarters in rows. */
export function detailOf(head, slopes, cells, ofQuarters, [d, height, width]) {
  const n = height * width, fine = new Float32Array(4 * d * n)
  if (4 * n * Math.max(slopes.length, 2 * d) > MAX_NUMBERS) return null
  for (let i = 0, to = 0; i < d; i++)
    for (let y = 0; y < 2 * height; y++)
      for (let x = 0; x < 2 * width; x++, to++) {
        const quarter = 2 * Math.floor(y / height) + Math.floor(x / width)
        fine[to] = ofQuarters[(quarter * d + i) * n + (y % height) * width + x % width]
      }
  const [near] = pooled(head, fine, d, 4 * n, SHARPNESS), [far] = pooled(head, cells, d, n, SHARPNESS)
  const values = slopes.map(own => {
    const close = weighted(own, near, 4 * n), coarse = weighted(own, far, n)
    return close.map((value, at) => {
      const y = Math.floor(at / (2 * width)), x = at % (2 * width)
      return (value + coarse[(y >> 1) * width + (x >> 1)] / 4) / 2
    })
  })
  return values.every(of => of.every(Number.isFinite)) ? { values, width: 2 * width, height: 2 * height } : null
}

function smoothing(n) {
  return Array.from({ length: n }, (_, at) => {
    const weights = Float64Array.from({ length: n }, (_, other) => Math.exp(-((at - other) ** 2) / (2 * SIGMA ** 2)))
    const sum = weights.reduce((all, weight) => all + weight, 0)
    return weights.map(weight => weight / sum)
  })
}

/** Return the detail of label i less that of the other labels, smoothed. others: their probabilities, which they count
 *  by; null where a photo may have several labels. */
export function shownFor({ values, width, height }, i, others) {
  let shown = values[i]
  if (others && values.length > 1) {
    const total = others.reduce((sum, value, label) => label === i ? sum : sum + value, 0)
    const weights = others.map((value, label) => label === i ? 0 : total > 0 ? value / total : 1 / (values.length - 1))
    const ofOthers = at => weights.reduce((sum, weight, label) => sum + weight * values[label][at], 0)
    shown = shown.map((value, at) => value - ofOthers(at))
  }
  const rows = smoothing(height), columns = smoothing(width), half = new Float64Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let from = 0; from < height; from++) half[y * width + x] += rows[y][from] * shown[from * width + x]
  return half.map((_, at) => {
    const y = Math.floor(at / width), weights = columns[at % width]
    return weights.reduce((sum, weight, x) => sum + weight * half[y * width + x], 0)
  })
}

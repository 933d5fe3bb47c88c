// Probabilities, labels and familiarity of a photo, as classifier/inference/{confidence,multi_label}.py compute them.

const MAX_EXPONENT = 700, CERTAIN = 1e-12 // beyond them an exponential, or a score, is no number

/** Return the scores of a model's outputs, which may be probabilities already. */
export function scoresOf(outputs, { givesProbabilities, multiLabel }) {
  if (!givesProbabilities) return Array.from(outputs)
  if (!multiLabel) return Array.from(outputs, value => Math.log(Math.max(value, 1e-300)))
  return Array.from(outputs, value => {
    const given = Math.min(1 - CERTAIN, Math.max(CERTAIN, value))
    return Math.log(given / (1 - given))
  })
}

/** Return the softmax of scores divided by a temperature. */
export function softmax(scores, temperature = 1) {
  const divided = scores.map(score => score / temperature), highest = Math.max(...divided)
  const exponentials = divided.map(score => Math.exp(score - highest))
  const sum = exponentials.reduce((one, other) => one + other)
  return exponentials.map(value => value / sum)
}

/** Return the sigmoid of each score after its label's slope and bias. */
export function sigmoids(scores, slopes, biases) {
  return scores.map((score, i) => {
    const value = score * (slopes?.[i] ?? 1) + (biases?.[i] ?? 0)
    return 1 / (1 + Math.exp(-Math.min(MAX_EXPONENT, Math.max(-MAX_EXPONENT, value))))
  })
}

/** Write `n` numbers from `at` on at length 1; zeros stay zeros, and what is no number becomes 0. */
export function normalise(values, at = 0, n = values.length) {
  let sum = 0
  for (let i = at; i < at + n; i++) {
    if (!Number.isFinite(values[i])) values[i] = 0
    sum += values[i] * values[i]
  }
  const length = Math.sqrt(sum) || 1
  for (let i = at; i < at + n; i++) values[i] /= length
}

export class Familiarity {
  /** reference: {shape: [M, D], data}, the training photos' features; threshold: 0 to 1; k: of the k-th nearest. */
  constructor({ reference, threshold, k }) {
    const [m, d] = reference.shape
    Object.assign(this, { m, d, threshold, k, reference: Float32Array.from(reference.data) })
    for (let row = 0; row < m; row++) normalise(this.reference, row * d, d)
  }

  /** Return the cosine similarity to the k-th nearest training photo, 0 to 1, higher is nearer. */
  score(features) {
    const ours = Float32Array.from(features), similarities = new Float64Array(this.m)
    normalise(ours)
    for (let row = 0, at = 0; row < this.m; row++) {
      let sum = 0
      for (let i = 0; i < this.d; i++) sum += ours[i] * this.reference[at++]
      similarities[row] = sum
    }
    return Math.min(1, Math.max(0, similarities.sort()[this.m - this.k]))
  }
}

// What a model needs beside its weights to answer as the Python Classifier does: pure functions of the metadata of
// export.onnx, a photo's pixels and the network's outputs. It runs in a page, in a worker and under a test alike.
import { Familiarity, scoresOf, sigmoids, softmax } from "./confidence.js"
import { OperatingPoint } from "./decision.js"
import { contributionsOf } from "./heatmap.js"
import { readMetadata, unpack } from "./metadata.js"
import { Neighbours } from "./neighbours.js"
import { PhotoError } from "./photo_error.js"
import { Preprocess } from "./preprocess.js"

const LARGE = new Set(["familiarity", "neighbours"]) // facts that a page has no use for

export class Model {
  /** bytes: Uint8Array of export.onnx. */
  constructor(bytes) {
    const read = readMetadata(bytes)
    const told = name => name in read ? unpack(JSON.parse(read[name])) : undefined
    this.labels = told("labels")
    this.preprocess = new Preprocess(told("preprocess"))
    this.head = told("head")
    this.givesProbabilities = told("gives_probabilities")
    this.multiLabel = told("multi_label") ?? false
    const facts = told("facts") ?? {}
    this.facts = Object.fromEntries(Object.entries(facts).filter(([name]) => !LARGE.has(name)))
    this.calibration = facts.calibration ?? null
    const threshold = told("threshold") ?? 0.5
    this.thresholds = facts.thresholds ?? this.labels.map(() => threshold)
    this.operatingPoint = OperatingPoint.fromFacts(facts.operating_point, this.labels)
    this.neighbours = Neighbours.fromFacts(facts.neighbours, told("n_features"), this.labels, this.multiLabel)
    this.familiarity = facts.familiarity?.reference && told("n_features") ? new Familiarity(facts.familiarity) : null
  }

  /** What a page shows of it. */
  get description() {
    const point = this.operatingPoint
    return {
      labels: this.labels, calibrated: this.calibration !== null, reportsFamiliarity: this.familiarity !== null,
      explains: this.head != null, multiLabel: this.multiLabel, facts: this.facts,
      operatingPoint: point && { precision: point.precision, coverage: point.coverage },
    }
  }

  /** Return the prediction, in the words of classifier/prediction.py; `probabilities` is a Map, most probable first.
   *  logits: of one photo, in the order of the labels; features: of the same, or undefined. */
  prediction(logits, features) {
    const scores = scoresOf(logits, this)
    if (!scores.every(Number.isFinite)) throw new PhotoError("The model gives no numbers for this photo.")
    const { temperature = 1, slopes, biases } = this.calibration ?? {}
    const values = this.multiLabel ? sigmoids(scores, slopes, biases) : softmax(scores, temperature)
    const order = values.map((_, i) => i).sort((one, other) => values[other] - values[one] || other - one)
    const familiarity = this.familiarity && features ? this.familiarity.score(features) : null
    const familiar = familiarity === null ? null : familiarity >= this.familiarity.threshold
    const probabilities = new Map(order.map(i => [this.labels[i], values[i]]))
    const answer = { label: this.labels[order[0]], probabilities, familiar, familiarity, isNone: familiar === false }
    if (this.neighbours && features) answer.neighbours = this.neighbours.nearest(features)
    if (!this.multiLabel) return this.#decided(answer, [answer.label])
    const above = order.filter(i => values[i] > this.thresholds[i]).map(i => this.labels[i])
    const labels = familiar === false ? [] : above
    return this.#decided({ ...answer, label: labels[0] ?? answer.label, labels, isNone: !labels.length }, labels)
  }

  /** Return an answer that gives these labels with its decision, and its candidates, where the export has them. */
  #decided(answer, given) {
    const point = this.operatingPoint, { probabilities, familiar } = answer
    if (!point) return answer
    const candidates = point.candidates(probabilities, familiar)
    const decision = point.decision(probabilities, given, familiar)
    return candidates ? { ...answer, decision, candidates } : { ...answer, decision }
  }

  /** Return what each cell adds to each label's score. cells: {data, dims: [1, D, H, W]}. */
  contributions({ data, dims: [, d, height, width] }) {
    return { ...contributionsOf(this.head, data, d, height * width), width, height }
  }
}

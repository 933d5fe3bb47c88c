// Whether to act on an answer alone, as classifier/inference/decision.py decides it.

export const ANSWER = "answer"
export const ASK = "ask a person"

const isShare = value => typeof value === "number" && value >= 0 && value <= 1

export class OperatingPoint {
  /** Return the operating point in an export's facts; null where there is none, or where it is invalid. */
  static fromFacts(facts, labels) {
    const thresholds = facts?.thresholds, sets = facts?.candidates ?? null, precision = facts?.precision ?? null
    const valid = Array.isArray(thresholds) && thresholds.length === labels.length &&
      thresholds.every(value => value === null || isShare(value)) && (precision === null || isShare(precision)) &&
      (sets === null || (isShare(sets.least) && isShare(sets.coverage)))
    if (!valid) return null
    const byLabel = new Map(labels.map((label, i) => [label, thresholds[i] ?? Infinity]))
    const { least = null, coverage = null } = sets ?? {}
    return Object.assign(new OperatingPoint(), { thresholds: byLabel, precision, least, coverage })
  }

  /** Return ANSWER where each of the labels given has reached its threshold; else, and where none is given, ASK. */
  decision(probabilities, given, familiar = null) {
    const sure = given.length > 0 && given.every(label => probabilities.get(label) >= this.thresholds.get(label))
    return sure && familiar !== false ? ANSWER : ASK
  }

  /** Return the labels in question, most probable first; null where no coverage was promised. */
  candidates(probabilities, familiar = null) {
    if (this.coverage === null) return null
    if (familiar === false) return []
    const labels = [...probabilities.keys()].filter(label => probabilities.get(label) >= this.least)
    return labels.length ? labels : [...probabilities.keys()].slice(0, 1)
  }
}

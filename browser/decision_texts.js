// What the page says of a decision, as server/decision_texts.py says it.
import { ANSWER } from "./decision.js"
import { frequencyText, joinLabels, strong } from "./texts.js"

/** Return the decision and its reason; [] for a model without an operating point. point: {precision, coverage}. */
export function decisionText(prediction, point) {
  if (!point || !prediction.decision) return []
  if (prediction.isNone) return [strong(["Ask a person."])]
  const sure = prediction.decision === ANSWER
  const reason = point.precision === null
    ? `an error would cost ${sure ? "less" : "more"} than asking`
    : `of 100 answers ${Number((point.precision * 100).toPrecision(3))} are to be right, and this one is ` +
      `${sure ? "above" : "below"} the line for that`
  const decision = strong([sure ? "Sure enough to act on:" : "Ask a person:"])
  return [decision, ` ${reason}.`, ...candidatesText(prediction, point)]
}

/** Return which labels are in question and how often the right one is among them; [] for a single one. */
function candidatesText({ candidates }, { coverage }) {
  if (!(candidates?.length > 1) || coverage === null) return []
  return [" In question: ", ...joinLabels(candidates, "or"),
          `; the right one is among such ${frequencyText(coverage)}.`]
}

// The file of answers, as classifier/results_csv.py writes it.
import { fixed } from "./texts.js"

export const COLUMNS =
  ["file", "label", "probability", "familiar", "familiarity", "error", "model", "bytes", "modified"]
const SEPARATOR = "|" // between the labels of a photo that has several

/** Return the labels of a prediction: none or several where a photo may have several, else one. */
export const labelsOf = prediction => prediction.labels ?? [prediction.label]

// a spreadsheet would compute it
const protect = text => /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text
const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text

/** Return the fields of a photo's row. photo: {name, size, modified, prediction, error}, with one of the last two. */
export function rowOf({ name, size, modified, prediction, error }, model) {
  const facts = [model, String(size), String(modified)]
  if (!prediction) return [protect(name), "", "", "", "", protect(error), ...facts]
  const labels = labelsOf(prediction), { familiar, familiarity } = prediction
  return [
    protect(name),
    protect(labels.join(SEPARATOR)),
    labels.length ? fixed(prediction.probabilities.get(prediction.label), 6) : "",
    String(familiar ?? ""),
    typeof familiarity === "number" ? fixed(familiarity, 6) : "",
    "",
    ...facts,
  ]
}

/** Return the file's text for the photos that are answered. model: the version that answered; decides: whether
 *  answers carry a decision. */
export function csvOf(photos, model, decides = false) {
  const columns = decides ? [...COLUMNS, "decision"] : COLUMNS
  const decision = ({ prediction }) => decides ? [prediction?.decision ?? ""] : []
  const rows = photos.map(photo => [...rowOf(photo, model), ...decision(photo)])
  return [columns, ...rows].map(row => `${row.map(quoted).join(",")}\n`).join("")
}

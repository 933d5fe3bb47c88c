// Answers become rows of a table, which sorts itself, and a file of them.
import { at, set } from "./settings.js"

let shown = [], sorted = null, due = false

export const cell = (kind, words, name = "") => Object.assign(document.createElement(kind), { textContent: words, className: name })
const percent = share => `${(100 * share).toFixed(1)}%`

export function begin(photos) {
  for (const image of document.querySelectorAll("#rows img")) URL.revokeObjectURL(image.src)
  at("rows").replaceChildren()
  shown = photos
}

export function draw(photo) {
  const { answer } = photo, row = photo.row = document.createElement("tr"), picture = cell("td", "", "picture")
  if (answer.picture) {
    picture.append(Object.assign(new Image(), { src: URL.createObjectURL(answer.picture), alt: "" }))
    delete answer.picture
  }
  row.append(picture, cell("td", photo.name, "file"))
  if (answer.error) row.append(Object.assign(cell("td", answer.error, "error"), { colSpan: set.heads.length - 1 }))
  else row.append(...set.heads.slice(1).map(head => cell("td", SHOWN[head](answer), head)))
  row.classList.toggle("strange", answer.familiar === false)
  row.classList.toggle("ask", answer.decision === set.ask)
  at("rows").append(row)
  if (sorted && !due) {
    due = true
    requestAnimationFrame(sort)
  }
}

// a model that gives a photo several labels, or none, says which they are
const labelsOf = answer => answer.labels ?? (answer.label === undefined ? [] : [answer.label])
const probabilityOf = answer => answer.probabilities?.[labelsOf(answer)[0]]

const shownLabel = answer => labelsOf(answer).map(label => label.replaceAll("_", " ")).join(", ") || set.words.no_label

const SHOWN = {
  label: answer => answer.familiar === false && !answer.labels
    ? set.words.nearest.replace("{label}", () => shownLabel(answer)) : shownLabel(answer),
  probability: answer => labelsOf(answer).length ? percent(probabilityOf(answer)) : "",
  familiar: answer => answer.familiar ? set.words.yes : set.words.no,
  decision: answer => answer.decision,
}

const KEYS = {
  file: photo => photo.name,
  label: photo => labelsOf(photo.answer).join(", ") || undefined,
  probability: photo => probabilityOf(photo.answer),
  familiar: photo => photo.answer.familiarity ?? undefined,
  decision: photo => photo.answer.decision,
}

function sort() {
  due = false
  const key = KEYS[sorted.column], up = sorted.up ? 1 : -1
  const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b
  const drawn = shown.filter(photo => photo.row).sort((one, two) => {
    const a = key(one), b = key(two) // what has no answer comes last, either way
    return a === undefined ? (b === undefined ? 0 : 1) : b === undefined ? -1 : up * compare(a, b)
  })
  at("rows").append(...drawn.map(photo => photo.row))
}

for (const button of document.querySelectorAll("th button"))
  button.addEventListener("click", () => {
    const { column } = button.dataset
    sorted = { column, up: sorted?.column === column ? !sorted.up : ["file", "label"].includes(column) }
    for (const other of document.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort")
    button.parentElement.setAttribute("aria-sort", sorted.up ? "ascending" : "descending")
    sort()
  })

// the table → a file

const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
// a spreadsheet would compute it; as `protected` of classifier/results_csv.py does it
const safe = text => /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text

function csv() {
  const rows = shown.filter(photo => photo.row).map(({ name, size, modified, answer }) => ({
    file: safe(name), label: safe(labelsOf(answer).join(set.separator)), probability: probabilityOf(answer)?.toFixed(6),
    familiar: answer.familiar, familiarity: answer.familiarity?.toFixed(6), error: safe(answer.error ?? ""),
    model: answer.model_version, bytes: size, modified, decision: answer.decision }))
  const lines = [set.columns, ...rows.map(row => set.columns.map(column => quoted(String(row[column] ?? ""))))]
  return new Blob(lines.map(line => `${line.join(",")}\n`), { type: "text/csv" })
}

at("csv").addEventListener("click", () => {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(csv()), download: "answers.csv" })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
})

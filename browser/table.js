// The table of many photos: a row for each that is answered, in the order that they came in or that a column gives.
import { headline, kindOf, percentText } from "./answer.js"
import { labelsOf } from "./csv.js"

const TITLES = { file: "File", label: "Label", probability: "Probability", familiar: "Familiar" }
const ROLES = { td: "cell", th: "columnheader", tr: "row" } // kept where a phone's style makes blocks of the rows
const at = id => document.getElementById(id)

function cell(kind, words, name = "") {
  const element = Object.assign(document.createElement(kind), { textContent: words, className: name })
  element.role = ROLES[kind] ?? null
  return element
}

const probabilityOf = ({ label, labels, probabilities }) => labels?.length === 0 ? undefined : probabilities.get(label)

const KEYS = {
  file: photo => photo.name,
  label: photo => photo.prediction && labelsOf(photo.prediction).join(", ") || undefined,
  probability: photo => photo.prediction && probabilityOf(photo.prediction),
  familiar: photo => photo.prediction?.familiarity ?? undefined,
}

function compare(a, b, up) { // what has no answer comes last, either way
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined)
  const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b
  return up ? order : -order
}

export class Table {
  #guide
  #photos
  #open
  #sorted = null
  #due = false

  /** Begin a table in the place of the last one. photos: all of them; open: is called with the photo of a row. */
  constructor(guide, photos, open) {
    this.#guide = guide
    this.#photos = photos
    this.#open = open
    for (const image of document.querySelectorAll("#rows img")) URL.revokeObjectURL(image.src)
    at("rows").replaceChildren()
    const columns = Object.keys(TITLES).filter(column => column !== "familiar" || guide.reportsFamiliarity)
    at("heads").replaceChildren(cell("td", "", "picture"), ...columns.map(column => this.#head(column)))
  }

  #head(column) {
    const head = cell("th", "", column), button = document.createElement("button")
    button.textContent = column === "label" && this.#guide.multiLabel ? "Labels" : TITLES[column]
    button.addEventListener("click", () => this.#sortBy(column, head))
    head.scope = "col"
    head.append(button)
    return head
  }

  /** Add the row of a photo that was answered. picture: a Blob, or null; next: the photo behind it, which may have been
   *  answered first. */
  add(photo, picture, next) {
    const { prediction, error, name } = photo, row = photo.row = cell("tr", ""), thumbnail = cell("td", "", "picture")
    const file = cell("td", "", "file"), button = Object.assign(document.createElement("button"), { textContent: name })
    if (picture) thumbnail.append(Object.assign(new Image(), { src: URL.createObjectURL(picture), alt: "" }))
    button.dir = "auto"
    button.addEventListener("click", () => this.#open(photo))
    file.append(button)
    const why = error && Object.assign(cell("td", error, "error"), { colSpan: this.#guide.reportsFamiliarity ? 3 : 2 })
    row.append(thumbnail, file, ...error ? [why] : this.#answer(prediction))
    at("rows").insertBefore(row, next?.row ?? null)
    if (!this.#sorted || this.#due) return
    this.#due = true
    requestAnimationFrame(() => this.#sort())
  }

  #answer(prediction) {
    const share = probabilityOf(prediction), familiar = cell("td", prediction.familiar ? "yes" : "no", "familiar")
    const label = cell("td", share === undefined ? "none of them" : headline(prediction), "label")
    label.dir = "auto"
    label.dataset.kind = kindOf(prediction, this.#guide.calibrated)
    const probability = cell("td", share === undefined ? "" : percentText(share), "probability")
    return [label, probability, ...this.#guide.reportsFamiliarity ? [familiar] : []]
  }

  #sortBy(column, head) {
    const up = this.#sorted?.column === column ? !this.#sorted.up : column === "file" || column === "label"
    this.#sorted = { column, up }
    for (const other of document.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort")
    head.setAttribute("aria-sort", up ? "ascending" : "descending")
    this.#sort()
  }

  #sort() {
    this.#due = false
    const { column, up } = this.#sorted, key = KEYS[column]
    const drawn = this.#photos.filter(photo => photo.row).sort((one, two) => compare(key(one), key(two), up))
    at("rows").append(...drawn.map(photo => photo.row))
  }
}

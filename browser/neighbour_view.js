// What the page says of the training photos that a photo resembles, as server/neighbour_texts.py says it: small
// pictures, or how many there are of each label. What comes from a model is text.
import { labelText } from "./texts.js"

const RESEMBLES = "It resembles these photos I learned from:"
const FAR = "These are the nearest of the photos I learned from, and none is near:"
const NONE = "none of the labels", OTHER = "another label", WHICH = "Their names"
const MAX_TEXT = 60 // characters of a name that are shown; a longer one is cut in the middle

const make = (tag, name, ...children) => {
  const element = Object.assign(document.createElement(tag), { className: name })
  element.append(...children)
  return element
}

/** Return a file's name without its folders, as it is shown. */
export function nameText(file) {
  const name = file.split("/").at(-1).trim().split(/\s+/).join(" ")
  return name.length > MAX_TEXT ? `${name.slice(0, MAX_TEXT / 2)}…${name.slice(-MAX_TEXT / 2)}` : name
}

/** Return whether a training photo has other labels than an answer gives; never where the answer is none of them. */
export function differs({ labels }, prediction) {
  const given = prediction.labels ?? [prediction.label]
  return !prediction.isNone && !(labels.length === given.length && labels.every(label => given.includes(label)))
}

/** Show the training photos that a photo resembles. box: an element, which is hidden where the model names none;
 *  pictures: a Blob or null for each. */
export function drawNeighbours(box, prediction, pictures = []) {
  const { neighbours } = prediction
  box.hidden = !neighbours?.length
  if (box.hidden) return box.replaceChildren()
  const heading = prediction.familiar === false ? FAR : RESEMBLES
  if (!pictures.some(Boolean)) return box.replaceChildren(...named(heading, neighbours, prediction))
  const shown = neighbours.map((one, i) => pictured(one, pictures[i], prediction))
  box.replaceChildren(make("p", "", heading), make("ul", "pictures", ...shown))
}

function pictured(one, picture, prediction) {
  const name = nameText(one.file)
  const image = picture && Object.assign(new Image(), { alt: name, title: name, src: URL.createObjectURL(picture) })
  image?.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true })
  return make("li", "", image ?? make("em", "", name), label(one, prediction))
}

// how many of the training photos have each label, that of the nearest one first, and folded, their names
function named(heading, neighbours, prediction) {
  const byLabel = new Map()
  for (const one of neighbours) {
    const key = one.labels.join("|")
    byLabel.set(key, [...byLabel.get(key) ?? [], one])
  }
  const groups = [...byLabel.values()]
  const counts = groups.flatMap((group, i) => [`${i ? ", " : " "}${group.length}\u00a0×\u00a0`, label(group[0], prediction)])
  const names = groups.map(group =>
    make("li", "", label(group[0], prediction), `: ${group.map(({ file }) => nameText(file)).join(", ")}`))
  const list = make("ul", "names", ...names)
  return [make("p", "", heading, ...counts), make("details", "", make("summary", "", WHICH), list)]
}

function label(one, prediction) {
  const name = make("bdi", "", one.labels.map(labelText).join(", ") || NONE)
  return differs(one, prediction) ? make("span", "other", name, ` (${OTHER})`) : make("span", "", name)
}

// Draws the answer for one photo: in words, as bars, and where the model looked. What comes from a model is text.
import { ANSWER, ASK } from "./decision.js"
import { decisionText } from "./decision_texts.js"
import { drawHeatmap } from "./fieldguide.js"
import { drawNeighbours } from "./neighbour_view.js"
import { confidenceText, heatmapText, labelText, NO_HEATMAP, nodes, noneText, plain } from "./texts.js"
import { whereText } from "./where.js"

const TOP = 5 // bars; more where a photo has more labels
const MAX_NAMED = 3 // labels in the headline, which is large
// What the headline's sign says. It is never colour alone: a word and a form go with it.
const KINDS = { none: "None of these", sure: "Sure", fair: "Probably", unsure: "Not sure", best: "Best match" }
const DECIDED = { [ANSWER]: "Sure enough", [ASK]: "Ask a person" } // by a model with an operating point
const SURE = 0.9, FAIR = 0.7

const at = id => document.getElementById(id)
const make = (tag, name, ...children) => {
  const element = Object.assign(document.createElement(tag), { className: name })
  element.append(...children)
  return element
}

/** Return a probability as people read it; never 100% or 0% of what is not. */
export function percentText(probability) {
  if (probability < 1 && probability >= 0.995) return "> 99%"
  return probability > 0 && probability < 0.005 ? "< 1%" : `${Math.round(probability * 100)}%`
}

/** Return which sign an answer gets: by its decision, where there is one, else by the least probable of its labels;
 *  "best" where nothing is calibrated. */
export function kindOf(prediction, calibrated) {
  if (prediction.isNone) return "none"
  if (prediction.decision) return prediction.decision === ASK ? "unsure" : "sure"
  const least = Math.min(...named(prediction).map(label => prediction.probabilities.get(label)))
  if (least < FAIR && (calibrated || least < 0.5)) return "unsure"
  return !calibrated ? "best" : least < SURE ? "fair" : "sure"
}

/** Return what the sign of an answer says. */
export const kindText = (kind, prediction = {}) => (kind !== "none" && DECIDED[prediction.decision]) || KINDS[kind]

/** Return whether to act on an answer alone, and how often such an answer is right. */
export function sureText(guide, prediction) {
  const decision = decisionText(prediction, guide.operatingPoint)
  const often = prediction.isNone ? [] : confidenceText(prediction, guide.calibrated)
  return decision.length && often.length ? [...decision, " ", ...often] : [...decision, ...often]
}

const named = prediction => prediction.labels?.length ? prediction.labels : [prediction.label]

/** Return the labels of an answer as its headline: of more than three the first two, and how many there are. */
export function headline(prediction) {
  const labels = named(prediction).map(labelText)
  if (labels.length <= MAX_NAMED) return labels.join(", ")
  return `${labels.slice(0, MAX_NAMED - 1).join(", ")} and ${labels.length - MAX_NAMED + 1} more`
}

/** Return the labels that get a bar: those of the photo, and unless they are too many the most probable others. */
function shown(prediction) {
  const labels = prediction.labels ?? [], others = [...prediction.probabilities.keys()]
  return labels.length > MAX_NAMED ? labels : [...new Set([...labels, ...others])].slice(0, TOP)
}

/** Draw the bars. choose: called with the label of a bar that is pressed; null where nothing can be shown for it. */
export function drawBars(list, prediction, choose = null) {
  list.replaceChildren(...shown(prediction).map(label => {
    const share = prediction.probabilities.get(label), fill = make("span", "fill")
    fill.style.setProperty("width", `${100 * share}%`)
    const name = make("bdi", "name", labelText(label)), bar = make("span", "track", fill)
    const row = make(choose ? "button" : "div", "bar", name, make("span", "percent", percentText(share)), bar)
    row.dataset.label = label
    if (choose) row.addEventListener("click", () => choose(label))
    return make("li", "", row)
  }))
}

const use = (svg, kind) => svg.firstElementChild.setAttribute("href", `#i-${kind}`)

/** Put an answer's kind into an element with an icon: as its form, its colour and, where there is room, its words. */
export function drawKind(element, kind, words = null, prediction = {}) {
  element.dataset.kind = kind
  use(element.querySelector("svg"), kind)
  if (words) words.textContent = kindText(kind, prediction)
}

function drawVerdict(guide, prediction) {
  const verdict = at("verdict"), kind = kindOf(prediction, guide.calibrated)
  drawKind(verdict, kind, verdict.querySelector(".kind span"), prediction)
  const { heading, rest } = kind === "none"
    ? noneText(guide.labels, prediction) : { heading: [headline(prediction)], rest: [] }
  verdict.querySelector("h3").replaceChildren(...nodes(heading))
  verdict.querySelector(".rest").replaceChildren(...nodes(rest))
  verdict.hidden = false
  const sure = sureText(guide, prediction)
  at("confidence").replaceChildren(...nodes(sure))
  at("confidence").hidden = !sure.length
}

function drawWhere(guide, explanation, label) {
  const heatmap = explanation.heatmap(label)
  for (const bar of at("bars").querySelectorAll("button")) bar.ariaPressed = String(bar.dataset.label === label)
  drawHeatmap(heatmap, explanation, at("heatmap").querySelector("canvas"))
  at("where").textContent = `Where it looked for ${labelText(label)}. ${whereText(heatmap, explanation.size)}`
  at("note").replaceChildren(...nodes(heatmapText(label, guide.labels)))
}

/** Draw an answer. explanation: of `explain`; say: tells people who hear the page. */
export function drawAnswer(guide, explanation, say) {
  const { prediction } = explanation, { explains } = guide, none = prediction.isNone
  drawVerdict(guide, prediction)
  drawNeighbours(at("neighbours"), prediction, explanation.pictures)
  const choose = label => {
    drawWhere(guide, explanation, label)
    say(at("where").textContent)
  }
  drawBars(at("bars"), prediction, explains ? choose : null)
  at("heatmap").hidden = !explains
  if (explains) drawWhere(guide, explanation, prediction.label)
  else at("note").replaceChildren(...nodes(NO_HEATMAP))
  const result = at("result")
  result.hidden = false
  result.open = !none // a guess's percentages are there for who wants to know, and no answer
  result.querySelector("summary").hidden = !none
  result.classList.toggle("guess", none)
  say(spoken(guide, prediction))
}

/** Return an answer as one text. */
function spoken(guide, prediction) {
  if (prediction.isNone) {
    const { heading, rest } = noneText(guide.labels, prediction)
    return [heading, rest, sureText(guide, prediction)].map(plain).filter(Boolean).join(" ")
  }
  const percent = label => percentText(prediction.probabilities.get(label))
  const each = named(prediction).map(label => `${labelText(label)}, ${percent(label)}`)
  return `${each.join("; ")}. ${plain(sureText(guide, prediction))}`
}

/** Hide the last answer. */
export function clearAnswer() {
  for (const id of ["verdict", "confidence", "neighbours", "result"]) at(id).hidden = true
}

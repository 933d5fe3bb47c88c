// The words of the page, as server/texts.py has them, for the labels and facts of any model. A text is a list of
// strings and of {tag, parts}: `nodes` makes elements of it, so that a label is text and never markup; `plain` makes a
// string.

const MAX_LISTED = 12
const MAX_FREQUENCIES = 5 // labels of a photo
const MAX_PHOTOS = 1e9 // that facts may name
const MONTHS = "January February March April May June July August September October November December".split(" ")
// what Python's str.split() splits at: JavaScript's \s has other characters
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/

export const NO_HEATMAP = ["Where this model looked is not available: it is built in another way."]

export const strong = parts => ({ tag: "strong", parts })
const em = parts => ({ tag: "em", parts })
const named = label => ({ tag: "bdi", parts: [labelText(label)] }) // of any direction, within a sentence of another

/** Return a text as one string. */
export const plain = parts => parts.map(part => typeof part === "string" ? part : plain(part.parts)).join("")

/** Return a text as nodes for `Element.append`. */
export const nodes = parts => parts.map(part => {
  if (typeof part === "string") return document.createTextNode(part)
  const element = document.createElement(part.tag)
  element.append(...nodes(part.parts))
  return element
})

/** Return a label as people write it. */
export const labelText = label => label.replaceAll("_", " ").split(SPACE).filter(Boolean).join(" ")

/** Return "a, b or c"; of more than `maxListed` labels the first few, and how many there are. */
export function joinLabels(labels, conjunction, maxListed = MAX_LISTED) {
  const names = labels.map(named)
  if (names.length > maxListed)
    return [...between(names.slice(0, maxListed - 4), ", "), ` … (${names.length} in all)`]
  if (names.length < 2) return names
  return [...between(names.slice(0, -1), ", "), ` ${conjunction} `, names.at(-1)]
}

const between = (parts, text) => parts.flatMap((part, i) => i ? [text, part] : [part])

/** Return the line under the title: what a photo may be of. multiLabel: whether it may have several labels. */
export function questionText(labels, multiLabel = false) {
  const asked = multiLabel ? "which of these it shows, if any" : "which it is"
  return [`Show me a photo, and I'll say ${asked}: `, strong(joinLabels(labels, multiLabel ? "and" : "or")), "."]
}

/** Return {heading, rest}: the answer for a photo that is none of the labels, with the most probable one as a guess. */
export function noneText(labels, prediction) {
  const these = joinLabels(labels, "or"), guess = em([named(prediction.label)])
  if (prediction.familiar !== false) { // it may have several labels, and none of them is probable enough
    const percent = Math.trunc(prediction.probabilities.get(prediction.label) * 100 + 1e-9) || "less than 1"
    return {
      heading: ["I see none of these: ", ...these, "."],
      rest: ["The most probable one is ", guess, `, at ${percent}%, which is not enough.`],
    }
  }
  const [is, be] = prediction.labels ? ["this shows", "show"] : ["this is", "be"]
  return {
    heading: [`I don't think ${is} `, ...these, "."],
    rest: [`It looks like none of the photos I learned from. If it had to ${be} one of them, my guess would be `, guess,
           "."],
  }
}

/** Return a calibrated probability as people say it, never more than its whole percentage: "about 9 times in 10". */
export function frequencyText(probability) {
  const percent = Math.trunc(probability * 100 + 1e-9)
  if (percent < 5) return "less than 1 time in 20"
  if (percent < 10) return "about 1 time in 20"
  if (percent < 95) return `about ${Math.floor(percent / 10)} ${percent < 20 ? "time" : "times"} in 10`
  return probability < 1 ? `about ${percent} times in 100` : "about 99 times in 100"
}

/** Return how often an answer at its percentage is right, for each of its first labels. */
export function confidenceText(prediction, calibrated) {
  if (!calibrated)
    return ["How often this is right at such a percentage is not known: this model came without calibrated " +
            "percentages."]
  const labels = prediction.labels?.length ? prediction.labels : [prediction.label]
  const frequency = label => strong([frequencyText(prediction.probabilities.get(label))])
  const told = labels.slice(0, MAX_FREQUENCIES).map(frequency)
  if (labels.length === 1) return ["At this level it is right ", told[0], "."]
  const each = told.map((times, i) => ({ tag: "span", parts: [times, " with ", em([named(labels[i])])] }))
  return ["At these levels it is right ", ...between(each.slice(0, -1), ", "), " and ", each.at(-1), "."]
}

/** Return what the colours of a heatmap mean. */
export const heatmapText = (label, labels) => [
  strong(["Orange"]), " spoke for ", em([named(label)]), ", ", strong(["blue"]),
  " against it; the outlined fifth counted most. Places without colour counted little.",
  labels.length > 1 ? " Tap another label above to see where that one would be." : "",
]

/** Return the labels, the measured error and the date, as far as the export tells them. */
export function modelText(labels, facts, reportsFamiliarity, multiLabel = false) {
  const several = multiLabel ? " A photo may show several of them, or none." : ""
  const otherwise = reportsFamiliarity
    ? "When a photo looks like none of these, it says so."
    : multiLabel
      ? "This model cannot tell when a photo looks like none of those that it learned from."
      : "This model cannot tell when a photo is none of these: it always answers with one of them."
  const known = [strong(["What it knows:"]), " ", ...joinLabels(labels, "and", 200), `.${several} ${otherwise}`]
  try {
    return [...known, ` ${errorText(facts, multiLabel)}${reportsFamiliarity ? unfamiliarRateText(facts) : ""}`]
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return [...known, " This model came without a record of how often it is wrong."]
  }
}

/** Return the error on photos that were held out, as the export tells it. Throws RangeError where it makes no sense. */
function errorText(facts, multiLabel) {
  const nValid = Math.trunc(number(facts.n_valid)), nTrain = Math.trunc(number(facts.n_train))
  const error = number(facts.error_rate), on = dateText(facts.date)
  if (!(error >= 0 && error <= 1 && nValid > 0 && nValid < MAX_PHOTOS && nTrain > 0 && nTrain < MAX_PHOTOS))
    throw new RangeError(`${error} of ${nValid} and ${nTrain} photos`)
  const wrong = multiLabel ? "had a label too many or too few" : "were wrong"
  const nWrong = fixed(error * nValid, 0), percent = `${fixed(error * 100, 1)}%`
  const measured = `${percent} ${facts.measured === "validation" ? "" : "of them "}${wrong}`
  if (facts.measured === "out of fold")
    return `It learned from ${nTrain} photos on ${on}; ${measured} when they were held out (${nWrong} of ${nValid}).`
  if (facts.measured === "validation")
    return `It learned from ${nTrain} photos on ${on}; of others, held out for validation, ${measured} ` +
      `(${nWrong} of ${nValid}).`
  return `Of ${nValid} photos held out of training it got ${nWrong} wrong (${percent}); it learned from ${nTrain} ` +
    `others on ${on}.`
}

/** Return how often photos of a label that was left out counted as unfamiliar; "" where that is not known. */
function unfamiliarRateText({ unfamiliar: share }) {
  if (typeof share !== "number" || !(share >= 0 && share <= 1)) return ""
  const said = `${fixed(share * 100, 0)}% of that label's photos`
  return ` Trained without one of its labels, it said “none of these” to ${said}.`
}

/** Return what the page says of the table of many photos. */
export function introText(reportsFamiliarity, multiLabel) {
  const several = "A photo may get several labels, or none of them; Probability is that of the first."
  if (multiLabel && reportsFamiliarity)
    return `${several} Where Familiar says no, it looks like none that the model learned from, and gets none.`
  if (multiLabel) return several
  return reportsFamiliarity
    ? "Where Familiar says no, a photo looks like none that the model learned from: don't rely on its label."
    : "This model cannot tell when a photo is none of its labels: it always answers with one of them."
}

function number(fact) { // as Python's float() reads it
  const value = typeof fact === "string" && fact.trim() ? Number(fact) : typeof fact === "boolean" ? +fact : fact
  if (typeof value !== "number" || !Number.isFinite(value)) throw new RangeError(`${fact} is no number`)
  return value
}

function dateText(fact) { // without the visitor's time zone, which could move it by a day
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(fact) ?? []
  if (!(year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()))
    throw new RangeError(`${fact} is no date`)
  return `${Number(day)} ${MONTHS[month - 1]} ${year}`
}

/** Return a number from 0 with so many decimals, as Python writes it: where it lies in the middle, the even one. */
export function fixed(value, digits) {
  if (Math.abs(value * 2 ** (digits + 1) % 2) !== 1) return value.toFixed(digits)
  const below = Math.floor(value * 10 ** digits)
  return ((below + below % 2) / 10 ** digits).toFixed(digits)
}

// The answers of a camera as one that does not flicker: means over about a third of a second, and a label that stays
// until another one leads clearly.

const MEMORY = 350 // milliseconds
const FORGOTTEN = 1500 // after such a pause nothing of before counts
const LEAD = 0.1 // of another label's mean probability, before it takes over
const ON = 0.55, OFF = 0.4 // of the mean of yes (1) and no (0): from here it is shown, and from there no more

export class Smooth {
  #time = -Infinity
  #means = new Map()
  #shown = null

  /** Return the smoothed prediction, of the form of a `Prediction`. now: in milliseconds. */
  add(prediction, now) {
    const age = now - this.#time, weight = age > FORGOTTEN ? 1 : 1 - Math.exp(-age / MEMORY)
    if (age > FORGOTTEN) this.#shown = null
    this.#time = now
    const mean = (key, value) => {
      const before = this.#means.get(key) ?? value, after = before + weight * (value - before)
      this.#means.set(key, after)
      return after
    }
    const on = (key, value, was) => mean(key, value) >= (was === undefined ? 0.5 : was ? OFF : ON)
    const shares = [...prediction.probabilities].map(([label, share]) => [label, mean(`p ${label}`, share)])
    const probabilities = new Map(shares.sort((one, two) => two[1] - one[1]))
    const strange = on("strange", Number(prediction.familiar === false), this.#shown?.strange)
    const had = this.#shown?.had
    const member = label => on(`in ${label}`, Number(prediction.labels.includes(label)), had?.has(label))
    const within = prediction.labels && [...probabilities.keys()].filter(member)
    const labels = prediction.labels && (strange ? [] : within)
    const label = labels?.[0] ?? this.#leader(probabilities)
    this.#shown = { strange, label, had: within && new Set(within) }
    const { decision, candidates, ...answer } = prediction // of one picture: nobody acts on a flicker
    return { ...answer, label, labels, probabilities, isNone: strange || labels?.length === 0,
             familiar: prediction.familiar === null ? null : !strange }
  }

  #leader(probabilities) {
    const [first, most] = probabilities.entries().next().value, kept = this.#shown?.label
    return probabilities.has(kept) && most - probabilities.get(kept) < LEAD ? kept : first
  }
}

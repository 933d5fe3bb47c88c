// One photo on the page: the photo, its answer, or the sentence that says why there is none.
import { clearAnswer, drawAnswer } from "./answer.js"

const PATIENCE = 200 // milliseconds before "Looking …" is shown, so that it does not flicker
const LOOKING = "Looking …", WAITING = "Your photo is answered as soon as the model is here."
const NO_ANSWER = "No answer for this photo"
const at = id => document.getElementById(id)

export class OnePhoto {
  #page
  #guide = null
  #waiting = null
  #asking = null

  /** page: {sentence: of an error; say: for people who hear the page}. */
  constructor(page) {
    this.#page = page
  }

  /** Answer photos with a Classifier from now on; first of all the one that waits for it. */
  use(guide) {
    this.#guide = guide
    if (this.#waiting) this.ask(this.#waiting)
    else at("hint").hidden = !at("live").hidden
  }

  /** Take the photo and its answer away. */
  clear() {
    this.#asking?.abort()
    this.#waiting = this.#asking = null
    this.#hidePhoto()
    at("looking").hidden = at("problem").hidden = true
    at("hint").hidden = !this.#guide
    clearAnswer()
  }

  /** Show a photo and its answer; without a model yet, as soon as there is one. blob: a Blob or File. */
  async ask(blob) {
    this.clear()
    this.#showPhoto(blob)
    at("hint").hidden = true
    if (!this.#guide) return this.#wait(blob)
    const ours = this.#asking = new AbortController()
    const patience = setTimeout(() => ours === this.#asking && this.#look(LOOKING), PATIENCE)
    try {
      const explanation = await this.#guide.explain(blob, { signal: ours.signal })
      if (ours !== this.#asking) return
      drawAnswer(this.#guide, explanation, this.#page.say)
      this.#showUpright(explanation, ours)
    } catch (error) {
      if (ours === this.#asking) this.fail(error)
    }
    if (ours !== this.#asking) return
    clearTimeout(patience)
    at("looking").hidden = true
    this.#bringInSight()
  }

  /** Show why there is no answer. */
  fail(error) {
    const ours = this.#asking // a browser's sign for a broken picture says nothing
    at("photo").decode().catch(() => ours === this.#asking && this.#hidePhoto())
    this.problem(NO_ANSWER, this.#page.sentence(error))
  }

  problem(title, text) {
    clearAnswer()
    at("hint").hidden = true
    at("problem").hidden = false
    at("problem").querySelector("h3").textContent = title
    at("problem").querySelector("p").textContent = text
    this.#page.say(`${title}. ${text}`)
  }

  #wait(blob) {
    this.#waiting = blob
    this.#look(WAITING)
    this.#page.say(WAITING)
  }

  #look(text) {
    at("looking").textContent = text
    at("looking").hidden = false
  }

  #showPhoto(blob) {
    const image = at("photo")
    if (image.src) URL.revokeObjectURL(image.src)
    image.src = URL.createObjectURL(blob)
    image.hidden = at("chosen").hidden = false
    at("copy").hidden = at("empty").hidden = true
    document.body.dataset.photo = ""
  }

  #hidePhoto() {
    delete document.body.dataset.photo
    at("chosen").hidden = true
    at("empty").hidden = false
  }

  /** Show the photo as the model saw it, where the browser shows it otherwise, or not at all: turned, or a HEIC. */
  async #showUpright({ photo: upright, size }, ours) {
    const image = at("photo"), copy = at("copy")
    await image.decode().catch(() => {})
    if (ours !== this.#asking || image.naturalWidth === size[0] && image.naturalHeight === size[1]) return
    copy.width = upright.width, copy.height = upright.height
    copy.getContext("2d").drawImage(upright, 0, 0)
    copy.hidden = false
    image.hidden = true
  }

  /** Scroll, where the answer lies out of sight, so that the photo is on top and the answer below or beside it. */
  #bringInSight() {
    const { bottom } = (at("problem").hidden ? at("verdict") : at("problem")).getBoundingClientRect()
    const { top } = at("give").getBoundingClientRect()
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"
    if (top < 0 || bottom > innerHeight) at("give").scrollIntoView({ behavior })
  }
}

// The live camera on the page: what it sees with the answer over it, the bars beside it, and a picture to keep.
import { drawBars, drawKind, headline, kindOf, kindText, percentText } from "./answer.js"
import { Camera, CameraError } from "./camera.js"
import { Smooth } from "./smooth.js"

const SPOKEN = 3000 // milliseconds between two answers for people who hear the page
const MOSTLY_NONE = "Most of what a camera sees is none of these, and then it says so."
const ALWAYS_ONE = "This model cannot tell when what it sees is none of these: it always answers with one of them."
const at = id => document.getElementById(id)

export class LiveView {
  #page
  #camera
  #smooth = null
  #spoken = { at: -Infinity, text: "" }

  /** page: {model: a promise of the Classifier; showOne: called before the camera opens, and after it has closed; ask:
   *  called with a picture to answer; problem: shows a title and a sentence; sentence: of an error; say: for people who
   *  hear the page}. */
  constructor(page) {
    this.#page = page
    this.#camera = new Camera(at("video"), {
      answer: async frame => (await page.model).predict(frame), // the first frame waits for the model
      show: async (prediction, rate) => this.#show(await page.model, prediction, rate),
      fail: error => this.#fail(error),
    })
    at("live-use").addEventListener("click", async () => page.ask(await this.#camera.picture()))
    at("live-other").addEventListener("click", () => this.#try(() => this.#camera.change()))
    for (const id of ["live-close", "live-stop"]) at(id).addEventListener("click", () => this.#closedByHand())
  }

  async open() {
    this.#page.showOne()
    this.#showParts(true)
    await this.#try(() => this.#camera.start())
    if (at("live").hidden) return this.#camera.stop() // closed meanwhile, or refused
    at("live-use").disabled = false
    at("live-other").hidden = !await this.#camera.others()
    at("live").focus({ preventScroll: true })
  }

  close() {
    if (at("live").hidden) return
    this.#camera.stop()
    this.#showParts(false)
  }

  async #try(start) {
    this.#smooth = new Smooth()
    try {
      await start()
    } catch (error) {
      this.#fail(error)
    }
  }

  #closedByHand() {
    this.close()
    this.#page.showOne()
    at("camera").focus({ preventScroll: true })
  }

  #showParts(on) {
    at("live").hidden = at("live-ways").hidden = !on
    at("empty").hidden = at("ways").hidden = on
    at("live-answer").hidden = at("live-bars").hidden = at("live-other").hidden = true
    at("live-use").disabled = true
    if (on) at("hint").hidden = true
    delete at("live").dataset.answersPerSecond
  }

  #fail(error) {
    this.close()
    this.#page.showOne()
    this.#page.problem("No live camera", error instanceof CameraError ? error.message : this.#page.sentence(error))
    at("camera").focus({ preventScroll: true })
  }

  #show(guide, prediction, rate) {
    if (at("live").hidden) return
    const smooth = this.#smooth.add(prediction, performance.now()), kind = kindOf(smooth, guide.calibrated)
    const none = kind === "none", text = none ? kindText(kind) : headline(smooth), answer = at("live-answer")
    at("live").dataset.answersPerSecond = rate.toFixed(1)
    answer.hidden = at("live-bars").hidden = false
    drawKind(answer, kind)
    answer.querySelector(".text").textContent = text
    answer.querySelector(".percent").textContent = none ? "" : percentText(smooth.probabilities.get(smooth.label))
    at("live-bars").classList.toggle("guess", none)
    at("live-bars").querySelector("p").textContent = guide.reportsFamiliarity ? MOSTLY_NONE : ALWAYS_ONE
    drawBars(at("live-bars").querySelector("ul"), smooth)
    this.#speak(text)
  }

  #speak(text) {
    const now = performance.now()
    if (text === this.#spoken.text || now - this.#spoken.at < SPOKEN) return
    this.#spoken = { at: now, text }
    this.#page.say(text)
  }
}

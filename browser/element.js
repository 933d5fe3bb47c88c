// <field-guide src="https://…/">: the classifier of a folder, within any page. A photo is chosen, dropped or set from
// code (`element.ask(blob)`); the answer is shown, and told by the events "answer" (detail: the prediction) and "error"
// (detail: the error, with a sentence for a person). The model is loaded with the first photo, so that a page costs
// nothing before.
//
//     <script type="module" src="https://…/element.js"></script>
//     <field-guide src="https://…/"></field-guide>
//
// On another site than the folder's, that site has to send Access-Control-Allow-Origin, and the page's own policy,
// where it has one, has to allow worker-src blob: and 'wasm-unsafe-eval'.
import { drawBars, headline, kindOf, kindText, sureText } from "./answer.js"
import { Classifier, LoadError, PhotoError } from "./fieldguide.js"
import { nodes, noneText } from "./texts.js"

const STYLE = `
:host { display: block; max-width: 28rem; padding: 1rem; border: 1px solid #8885; border-radius: 12px;
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
:host([data-over]) { outline: 3px solid #0a7a5a; }
:host([hidden]), [hidden] { display: none; }
label { display: inline-flex; align-items: center; min-height: 44px; padding: 0 1rem; cursor: pointer; font-weight: 600;
  border: 1px solid currentColor; border-radius: 8px; }
label:focus-within { outline: 3px solid #0a7a5a; outline-offset: 2px; }
input { position: absolute; width: 1px; height: 1px; opacity: 0; }
img { display: block; max-width: 100%; max-height: 16rem; margin: .8rem 0; border-radius: 8px; }
p { margin: .5rem 0; } .kind { font-size: .85rem; font-weight: 600; } .head { font-size: 1.3rem; font-weight: 700; }
progress { width: 100%; accent-color: #0a7a5a; }
ul { margin: .5rem 0; padding: 0; list-style: none; }
.bar { display: grid; grid-template-columns: 1fr auto; gap: 0 .5rem; }
.track { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: #8884; }
.fill { display: block; height: 100%; border-radius: 3px; background: #0a7a5a; }`
const MARKUP = `<label>Choose a photo<input type="file" accept="image/*,.heic,.heif"></label>
<progress max="1" value="0" aria-label="Loading the model" hidden></progress><img alt="The photo that you chose" hidden>
<div role="status"><p class="kind"></p><p class="head" dir="auto"></p><p class="rest" dir="auto"></p></div><ul></ul>
<p class="small">Photos stay on this device.</p>`

class FieldGuide extends HTMLElement {
  static observedAttributes = ["src"]

  #guide = null // of the classifier, once it is asked for
  #stop = null // of the photo that is being answered
  #root

  constructor() {
    super()
    this.#root = this.attachShadow({ mode: "open" })
    const sheet = new CSSStyleSheet() // which strict policies allow, unlike a <style>
    sheet.replaceSync(STYLE)
    this.#root.adoptedStyleSheets = [sheet]
    this.#root.innerHTML = MARKUP
    const input = this.#find("input")
    input.addEventListener("change", () => {
      if (input.files[0]) this.ask(input.files[0])
      input.value = "" // so that the same can be chosen again
    })
    for (const name of ["dragenter", "dragover"])
      this.addEventListener(name, event => {
        event.preventDefault()
        this.toggleAttribute("data-over", true)
      })
    this.addEventListener("dragleave", () => this.toggleAttribute("data-over", false))
    this.addEventListener("drop", event => {
      event.preventDefault()
      this.toggleAttribute("data-over", false)
      if (event.dataTransfer.files[0]) this.ask(event.dataTransfer.files[0])
    })
  }

  #find = selector => this.#root.querySelector(selector)

  attributeChangedCallback() {
    this.#close()
  }

  disconnectedCallback() {
    this.#close()
  }

  #close() {
    this.#stop?.abort()
    this.#guide?.then(guide => guide.close(), () => {})
    this.#guide = null
    this.#find("progress").hidden = true
  }

  /** The classifier of the folder in `src`, or of this module's own; it is loaded once. */
  get guide() {
    const progress = this.#find("progress")
    this.#guide ??= Classifier.load(new URL(this.getAttribute("src") ?? ".", this.hasAttribute("src")
      ? document.baseURI : import.meta.url).href, { progress: share => { progress.value = share } })
    progress.hidden = false
    const ours = this.#guide
    const ended = failed => {
      if (ours !== this.#guide) return // another folder's is loaded by now
      progress.hidden = true
      if (failed) this.#guide = null // the next photo tries again
    }
    ours.then(() => ended(false), () => ended(true))
    return ours
  }

  /** Answer a photo, a Blob; the one before it is left. Return the prediction, or undefined where there is none. */
  async ask(photo) {
    this.#stop?.abort()
    const { signal } = this.#stop = new AbortController()
    this.#say("", "Looking …", [])
    try {
      const guide = await this.guide
      signal.throwIfAborted()
      const explanation = await guide.explain(photo, { signal })
      this.#show(guide, explanation, signal)
      this.dispatchEvent(new CustomEvent("answer", { detail: explanation.prediction, bubbles: true, composed: true }))
      return explanation.prediction
    } catch (error) {
      if (signal.aborted) return undefined
      const known = error instanceof PhotoError || error instanceof LoadError
      this.#say("", known ? "No answer for this photo" : "Something went wrong here", [error.message])
      this.dispatchEvent(new CustomEvent("error", { detail: error, composed: true }))
      return undefined
    }
  }

  #say(kind, head, rest, prediction = null) {
    this.#find(".kind").textContent = kind
    this.#find(".head").replaceChildren(...[head].flat())
    this.#find(".rest").replaceChildren(...rest)
    this.#find("ul").replaceChildren()
    this.#find("img").hidden = true
    if (prediction) drawBars(this.#find("ul"), prediction)
  }

  #show(guide, { prediction, photo }, signal) {
    const kind = kindOf(prediction, guide.calibrated), sure = sureText(guide, prediction)
    if (prediction.isNone) {
      const { heading, rest } = noneText(guide.labels, prediction)
      this.#say(kindText(kind), nodes(heading), nodes(sure.length ? [...rest, " ", ...sure] : rest))
    } else this.#say(kindText(kind, prediction), headline(prediction), nodes(sure), prediction)
    this.#picture(photo, signal)
  }

  async #picture(photo, signal) { // as a JPEG: a browser that cannot show HEIC has decoded it here
    const canvas = new OffscreenCanvas(photo.width, photo.height), image = this.#find("img")
    canvas.getContext("2d").drawImage(photo, 0, 0)
    const picture = await canvas.convertToBlob({ type: "image/jpeg" })
    if (signal.aborted) return // another photo came meanwhile
    URL.revokeObjectURL(image.src)
    image.src = URL.createObjectURL(picture)
    image.hidden = false
  }
}

customElements.define("field-guide", FieldGuide)

// Classify photos in the browser, with a model that training.static wrote into a folder. Photos stay on the device.
//
//     import { Classifier } from "./fieldguide.js"
//     const guide = await Classifier.load("./")
//     const { label, probabilities, familiar } = await guide.predict(file)
import { shownFor } from "./detail.js"
import { LoadError, readSite } from "./files.js"
import { PhotoError } from "./photo_error.js"

export { drawHeatmap } from "./heatmap.js"
export { LoadError, PhotoError }

const ERRORS = { PhotoError, LoadError }
const CLOSED = "The classifier was closed."

/** Return the worker; from another site it has to be a blob of one's own that imports it. */
function startWorker() {
  if (globalThis.FIELDGUIDE_WORKER) return globalThis.FIELDGUIDE_WORKER() // a page that holds all files itself
  const address = new URL("./worker.js", import.meta.url)
  if (address.origin === location.origin) return new Worker(address, { type: "module" })
  const code = new Blob([`import ${JSON.stringify(address.href)}`], { type: "text/javascript" })
  const blob = URL.createObjectURL(code), worker = new Worker(blob, { type: "module" })
  worker.addEventListener("message", () => URL.revokeObjectURL(blob), { once: true })
  return worker
}

/** Return a photo as what the worker takes: a Blob, or an image that can be transferred. */
async function transferable(photo) {
  if (photo instanceof Blob || photo?.close) return photo
  try {
    return await createImageBitmap(photo)
  } catch (error) {
    if (error instanceof TypeError)
      throw new TypeError("A photo is a Blob, a canvas, an image element, an ImageBitmap or a VideoFrame.")
    throw new PhotoError("This image has no pixels: it is empty, damaged or not loaded yet.")
  }
}

/** The most probable label, what it rests on, and the heatmap of each label. */
class Explanation {
  /** cells: {contributions, biases, width, height, seen, detail}; null for a model that cannot tell where it looked. */
  constructor({ prediction, photo, size, cells = null, pictures = [] }, labels) {
    Object.assign(this, { prediction, photo, size, pictures })
    this.#cells = cells
    this.#labels = labels
  }

  #cells
  #labels

  /** Return the heatmap of a label: {label, contributions, width, height, bias, seen, shown, largest}; Error for any
   *  other. shown: {values, width, height}, what is drawn, and largest the magnitude that has the strongest colour. */
  heatmap(label = this.prediction.label) {
    const i = this.#labels.indexOf(label)
    if (!this.#cells) throw new Error("This model has no heatmaps.")
    if (i < 0) throw new Error(`There is no label ${label}.`)
    const { contributions, biases, width, height, seen } = this.#cells
    const own = { label, contributions: contributions[i], width, height, bias: biases[i], seen }
    const { largest, ...shown } = this.#shown(i)
    return { ...own, shown, largest }
  }

  /** Return what is drawn for a label: its detail, else its contributions. */
  #shown(i) {
    const { contributions, width, height, detail } = this.#cells, { label, labels, probabilities } = this.prediction
    const most = of => Math.max(...of.map(values => values.reduce((all, value) => Math.max(all, Math.abs(value)), 0)))
    if (!detail) return { values: contributions[i], width, height, largest: most(contributions) }
    const others = labels ? null : this.#labels.map(name => probabilities.get(name))
    const [values, top] = [i, this.#labels.indexOf(label)].map(one => shownFor(detail, one, others))
    return { values, width: detail.width, height: detail.height, largest: most([values, top]) }
  }
}

export class Classifier {
  /** Return the classifier of a folder with site.json. progress: is called with the share that has come, 0 to 1;
   *  cache: as fetch takes it, "reload" after a damaged file. Raises LoadError, with a sentence for a person, where a
   *  file does not come or is damaged. */
  static async load(folder = "./", { progress = () => {}, cache = "default" } = {}) {
    const address = new URL(folder, globalThis.document?.baseURI ?? location.href)
    if (!/(\/|\.html)$/.test(address.pathname)) address.pathname += "/" // a folder's name without its end
    const base = address.href, site = await readSite(base, cache)
    const classifier = new Classifier(startWorker(), site)
    const expected = site.model.bytes + site.runtime.bytes
    let come = 0
    try {
      const told = await classifier.#ask("load", { site, base, cache }, [], bytes => {
        come += bytes
        progress(Math.min(1, come / expected))
      })
      Object.assign(classifier, told)
    } catch (error) {
      classifier.close()
      throw error
    }
    return classifier
  }

  #worker
  #waiting = new Map()
  #asked = 0
  #closed = false

  constructor(worker, site) {
    this.#worker = worker
    this.version = site.version
    this.site = site
    worker.addEventListener("message", ({ data }) => this.#take(data))
    worker.addEventListener("error", event => {
      event.preventDefault?.()
      const why = event.message || "it did not load"
      this.#end(new LoadError(`The part that answers photos could not be started: ${why}.`))
    })
  }

  #take({ id, value, error, bytes }) {
    const waiting = this.#waiting.get(id)
    if (!waiting) return value?.photo?.close() // it was stopped meanwhile
    if (bytes !== undefined) return waiting.progress(bytes)
    this.#waiting.delete(id)
    if (error) waiting.bad(new (ERRORS[error.name] ?? Error)(error.message))
    else waiting.good(value)
  }

  #end(error) {
    for (const { bad } of this.#waiting.values()) bad(error)
    this.#waiting.clear()
  }

  #ask(task, given, transfer = [], progress = () => {}, signal = null) {
    signal?.throwIfAborted()
    if (this.#closed) throw new Error(CLOSED)
    const id = this.#asked += 1
    this.#worker.postMessage({ id, task, given }, transfer)
    let stop
    return new Promise((good, bad) => {
      this.#waiting.set(id, { good, bad, progress })
      stop = () => {
        if (!this.#waiting.delete(id)) return
        this.#worker.postMessage({ stop: id }) // it is left out if its turn has not come
        bad(signal.reason)
      }
      signal?.addEventListener("abort", stop)
    }).finally(() => signal?.removeEventListener("abort", stop)) // one signal may be that of many photos
  }

  async #answer(photo, explains, signal) {
    const image = await transferable(photo), transfer = image instanceof Blob ? [] : [image]
    try {
      return await this.#ask("answer", { photo: image, explains }, transfer, undefined, signal)
    } catch (error) {
      if (error?.name !== "DataCloneError") throw error
      throw new PhotoError("This image cannot be read: it was closed, or another site does not allow it.")
    }
  }

  /** Return the prediction for a photo: {label, labels (where a photo may have several), probabilities (a Map, most
   *  probable first), familiar, familiarity, isNone, neighbours (the training photos that it resembles most, where the
   *  model names them: {file, labels, similarity})}. photo: a Blob, a canvas or an image element, or an ImageBitmap or
   *  VideoFrame, which is closed. Raises PhotoError, with a sentence for a person. */
  async predict(photo, { signal } = {}) {
    return (await this.#answer(photo, false, signal)).prediction
  }

  /** Return an `Explanation`: the prediction, `photo` (upright, for people to look at), `pictures` of its neighbours (a
   *  Blob, or null where the model has none) and `heatmap(label)`, which `drawHeatmap` draws. Takes and raises what `predict` does. */
  async explain(photo, { signal } = {}) {
    return new Explanation(await this.#answer(photo, true, signal), this.labels)
  }

  /** Return the model's input for a photo, {data, width, height, channels}: tests compare it with Python's. */
  input(photo) {
    return this.#ask("input", { photo })
  }

  /** End the worker; what still waits for an answer gets an error. */
  close() {
    this.#closed = true
    this.#worker.terminate()
    this.#end(new Error(CLOSED))
  }
}

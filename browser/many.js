// Many photos: they are answered one after another, and become a table and a file of answers.
import { csvOf } from "./csv.js"
import { gather } from "./given.js"
import { Table } from "./table.js"
import { introText } from "./texts.js"

const SIDE = 112, MOST_THUMBNAILS = 1000 // pixels, twice what is shown; more of them would fill a phone's memory
const AT_ONCE = 2 // one is answered while the next one is read
const at = id => document.getElementById(id)

async function thumbnail(blob) {
  try {
    const image = await createImageBitmap(blob), scale = SIDE / Math.max(image.width, image.height)
    const canvas = document.createElement("canvas")
    canvas.width = Math.max(1, image.width * scale), canvas.height = Math.max(1, image.height * scale)
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height)
    image.close()
    return await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.8))
  } catch {
    return null // a HEIC is answered, but not every browser can draw it
  }
}

export class Many {
  #page
  #photos = []
  #table = null
  #stop = null

  /** page: {model: a promise of the Classifier; openRow: called with the photo of a row; sentence: of an error; say:
   *  for people who hear the page}. */
  constructor(page) {
    this.#page = page
    at("stop").addEventListener("click", () => this.#stop?.abort())
    at("csv").addEventListener("click", () => this.#download())
  }

  /** The number of photos in the table. */
  get size() { return this.#answered().length }

  #answered() { return this.#photos.filter(photo => photo.row) }

  /** Answer what was given, in the place of what was there. given: files and folders. */
  async start(given) {
    this.#stop?.abort()
    const stop = this.#stop = new AbortController()
    this.#say("Looking for photos …")
    const [photos, problems] = await gather(given).catch(() => [[], ["This could not be read. Choose it again."]])
    if (stop !== this.#stop) return
    this.#showProblems(problems)
    if (!photos.length) return this.#say("")
    this.#photos = photos
    this.#running(true)
    this.#progress(0)
    const guide = await this.#page.model
    if (stop !== this.#stop) return
    at("many-intro").textContent = introText(guide.reportsFamiliarity, guide.multiLabel)
    this.#table = new Table(guide, photos, this.#page.openRow)
    this.#running(true)
    await this.#answerAll(guide, photos, stop.signal)
    if (stop === this.#stop) this.#end(guide)
  }

  #showProblems(problems) {
    const line = textContent => Object.assign(document.createElement("li"), { textContent })
    at("problems").replaceChildren(...problems.map(line))
    at("problems").hidden = !problems.length
    this.#page.say(problems.join(" "))
  }

  #running(on) {
    at("stop").hidden = at("progress").hidden = !on
    at("csv").hidden = at("answers").hidden = !this.#table
  }

  async #answerAll(guide, photos, signal) {
    let next = 0, done = 0
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < photos.length && !signal.aborted) {
        const i = next++, photo = photos[i], picture = await this.#answer(guide, photo, i < MOST_THUMBNAILS, signal)
        if (signal.aborted) return
        this.#table.add(photo, picture, photos[i + 1])
        this.#progress(done += 1)
      }
    }))
  }

  /** Give a photo its `prediction`, or the sentence of its `error`; return its thumbnail. */
  async #answer(guide, photo, pictured, signal) {
    try {
      const blob = await photo.open()
      photo.prediction = await guide.predict(blob, { signal })
      return pictured ? await thumbnail(blob) : null // of what was answered: a picture may be too large to open at all
    } catch (error) {
      if (!signal.aborted) photo.error = this.#page.sentence(error)
      return null
    }
  }

  #end(guide) {
    this.#stop = null
    this.#running(false)
    const answered = this.#answered(), count = test => answered.filter(test).length
    const strange = count(photo => photo.prediction?.familiar === false)
    const done = `${answered.length} of ${this.#photos.length} photos: ${count(photo => photo.error)} without an ` +
      `answer${guide.reportsFamiliarity ? `, ${strange} not familiar` : ""}.`
    this.#say(done)
    this.#page.say(done) // people who hear the page hear no number of each photo
  }

  #progress(done) {
    at("progress").max = this.#photos.length
    at("progress").value = done
    this.#say(`${done} of ${this.#photos.length} photos`)
  }

  #say(words) { at("said").textContent = words }

  async #download() {
    const { version, operatingPoint } = await this.#page.model
    const text = csvOf(this.#answered(), version, Boolean(operatingPoint))
    const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }))
    Object.assign(document.createElement("a"), { href, download: "answers.csv" }).click()
    setTimeout(() => URL.revokeObjectURL(href), 10000)
  }
}

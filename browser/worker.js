// The worker that answers photos: one model, one thread, one photo at a time. fieldguide.js starts it and asks it.
import { Model } from "./core.js"
import { detailOf } from "./detail.js"
import { gunzipped, LoadError, readFile } from "./files.js"
import { heicDecoder } from "./heic.js"
import { openPhoto, pictureOfImage, preview } from "./photo.js"

const MAX_HEIC_PIXELS = 50e6 // libheif holds several copies
let ort, session, model, heic = null

/** Return what a step of loading gives; where it fails, LoadError with a sentence for a person. */
async function sure(step, sentence) {
  try {
    return await step()
  } catch (error) {
    if (error instanceof LoadError) throw error
    console.error(error)
    throw new LoadError(sentence)
  }
}

/** Load the model of a folder. site: its site.json; base: its address; cache: as fetch takes it; progress: is called
 *  with bytes as they come. */
async function load({ site, base, cache }, progress) {
  const at = file => new URL(file, base).href
  const [bytes, runtime, packed] = await Promise.all([
    readFile(at(site.model.file), progress, cache),
    sure(() => import(at(site.runtime.script)), `${site.runtime.script} did not come, or is damaged.`),
    readFile(at(site.runtime.wasm), progress, cache),
  ])
  ort = runtime
  ort.env.wasm.wasmBinary = await sure(() => gunzipped(packed), `${site.runtime.wasm} is damaged.`)
  ort.env.wasm.numThreads = 1 // more need headers that few free hosts send, and are no faster on two cores
  ort.env.logLevel = "error"
  model = await sure(() => new Model(bytes), `${site.model.file} is damaged, or of another version than this page.`)
  heic = site.heic && heicDecoder({ script: at(site.heic.script), wasm: at(site.heic.wasm) }, MAX_HEIC_PIXELS)
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" }
  session = await sure(() => ort.InferenceSession.create(bytes, options),
                       `${site.model.file} or ${site.runtime.wasm} is damaged, or this device has too little memory.`)
  const canvas = new OffscreenCanvas(256, 192) // the first photo takes several times as long as any other
  canvas.getContext("2d").fillRect(0, 0, 256, 192)
  await run(model.preprocess.apply(pictureOfImage(canvas)))
  return model.description
}

async function run({ data, width, height, channels }) {
  const input = new ort.Tensor("float32", data, [1, channels, height, width])
  return session.run({ [session.inputNames[0]]: input })
}

/** Return what the heatmaps of a photo are made of: its exact contributions, and a second look at its quarters. */
async function lookedAt(cells, picture, seen) {
  const quarters = model.preprocess.quarters(picture, seen), own = model.contributions(cells)
  if (!quarters) return { ...own, seen, detail: null, slopes: undefined }
  const of = new Float32Array(4 * cells.data.length)
  for (const [i, quarter] of quarters.entries()) { // one after the other: four at once need four times the memory
    const outputs = await run(quarter)
    of.set(outputs.cells.data, i * cells.data.length)
    for (const tensor of Object.values(outputs)) tensor.dispose()
  }
  const detail = detailOf(model.head, own.slopes, cells.data, of, cells.dims.slice(1))
  return { ...own, seen, detail, slopes: undefined }
}

/** Return the prediction for a photo, and with `explains` what its heatmaps are drawn from. photo: a Blob, or an image
 *  that is closed afterwards. */
async function answer({ photo, explains }) {
  const { image, conversion } = photo instanceof Blob ? await openPhoto(photo, heic) : { image: photo }
  try {
    const size = [image.displayWidth ?? image.width, image.displayHeight ?? image.height]
    const outputs = await run(model.preprocess.apply(pictureOfImage(image, conversion)))
    const value = { prediction: model.prediction(outputs.logits.data, outputs.features?.data) }
    if (explains) {
      if (model.head && outputs.cells) {
        value.cells = await lookedAt(outputs.cells, pictureOfImage(image, conversion), model.preprocess.seen(size))
      }
      const near = value.prediction.neighbours ?? []
      const pictures = await Promise.all(near.map(one => model.neighbours.picture(one)))
      Object.assign(value, { size, photo: preview(image, conversion), pictures })
    }
    for (const tensor of Object.values(outputs)) tensor.dispose()
    return value
  } finally {
    image.close()
  }
}

/** Return the model's own input for a photo, for tests: {data, width, height, channels}. */
async function input({ photo }) {
  const { image, conversion } = await openPhoto(photo, heic)
  const prepared = model.preprocess.apply(pictureOfImage(image, conversion))
  image.close()
  return prepared
}

const TASKS = { load, answer, input }
let last = Promise.resolve()
const stopped = new Set()

async function perform({ id, task, given }) {
  if (stopped.delete(id)) return
  try {
    const value = await TASKS[task](given, bytes => self.postMessage({ id, bytes }))
    self.postMessage({ id, value }, value.photo ? [value.photo] : [])
  } catch (error) {
    self.postMessage({ id, error: { name: error?.name ?? "Error", message: String(error?.message ?? error) } })
  }
  stopped.delete(id)
}

self.addEventListener("message", ({ data }) => {
  if (data.stop) stopped.add(data.stop)
  else last = last.then(() => perform(data))
})

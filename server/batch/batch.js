// Many photos: a folder, files or a zip → a table. Each photo goes to POST /classify by itself, a few at a time, as
// from any other client: nothing of a batch waits or is kept on the server, and it holds nobody up.
import { at, say, set } from "./settings.js"
import { begin, cell, draw } from "./table.js"
import { entries, filesBelow } from "./zip.js"

const AT_ONCE = 4, TRIES = 5, SIDE = 112 // pixels of a thumbnail, twice what is shown
const PHOTO = new RegExp(`\\.(${set.extensions.join("|")})$`, "i")
let batch = null

class Photo {
  constructor(name, size, modified, open) { Object.assign(this, { name, size, modified, open, answer: null, row: null }) }
}

// what was given → photos

async function* given(source) {
  if (source instanceof DataTransfer) {
    const files = [...source.items].filter(item => item.kind === "file") // all of them before the first wait
    const dropped = files.map(item => item.webkitGetAsEntry() ?? item.getAsFile())
    for (const one of dropped)
      if (one instanceof File) yield [one.name, one]
      else yield* filesBelow(one)
  } else
    for (const file of source) yield [file.webkitRelativePath || file.name, file]
}

async function gather(source) {
  const photos = [], problems = []
  let others = 0, more = 0
  const take = (path, size, modified, open) => {
    const name = path.split(/[/\\]/).filter(part => part !== "." && part !== "..").join("/")
    if (name.split("/").some(part => part.startsWith(".") || part === "__MACOSX")) return
    if (!PHOTO.test(name)) others += !name.endsWith("/")
    else if (photos.length >= set.most) more += 1
    else photos.push(new Photo(name, size, modified, open))
  }
  for await (const [name, file] of given(source)) {
    if (!/\.zip$/i.test(name)) {
      take(name, file.size, Math.floor(file.lastModified / 1000), async () => file)
      continue
    }
    try {
      for (const inside of await entries(file)) take(inside.name, inside.size, "", () => inside.open(set.bytes))
    } catch (error) {
      problems.push(`${name}: ${error.message}`)
    }
  }
  if (more) problems.push(set.words.too_many.replace("{n}", photos.length + more))
  if (others) problems.push(set.words.others.replace("{n}", others))
  if (!photos.length) problems.unshift(set.words.none)
  return [photos, problems]
}

// photos → answers

const sleep = seconds => new Promise(done => setTimeout(done, 1000 * seconds))

async function ask(photo, of) {
  if (photo.size > set.bytes) return { error: set.words.too_large }
  let data
  try {
    data = await photo.open()
  } catch (error) {
    return { error: error.message || set.words.unreadable }
  }
  const picture = thumbnail(data)
  for (let tries = 0; ;) {
    await sleep(Math.max(0, of.pause - Date.now()) / 1000)
    try {
      const response = await fetch("classify", { method: "POST", body: data, signal: of.stop.signal })
      if (response.status !== 429 && response.status !== 503)
        return { ...await response.json(), picture: await picture }
      of.pause = Date.now() + 1000 * (Number(response.headers.get("retry-after")) || 1)
      say(set.words.turn)
    } catch (error) {
      if (of.stop.signal.aborted) throw error
      if ((tries += 1) === TRIES) return { error: set.words.lost }
      of.pause = Date.now() + 2000 * tries
    }
  }
}

async function thumbnail(data) {
  try {
    const image = await createImageBitmap(data), scale = SIDE / Math.max(image.width, image.height)
    const canvas = document.createElement("canvas")
    canvas.width = Math.max(1, image.width * scale), canvas.height = Math.max(1, image.height * scale)
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height)
    image.close()
    return await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.8))
  } catch {
    return null // HEIC and TIFF are answered, but not every browser can draw them
  }
}

async function start(source) {
  if (batch) return
  say(set.words.looking)
  let photos = [], problems
  try {
    [photos, problems] = await gather(source)
  } catch {
    problems = [set.words.unreadable]
  }
  at("problems").replaceChildren(...problems.map(sentence => cell("li", sentence)))
  if (!photos.length) return say("")
  begin(photos)
  const ours = batch = { photos, stop: new AbortController(), pause: 0, done: 0, next: 0 }
  show(true)
  progress(ours)
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (ours.next < photos.length && !ours.stop.signal.aborted) {
      const photo = photos[ours.next++]
      try {
        photo.answer = await ask(photo, ours)
      } catch {
        return // stopped
      }
      ours.done += 1
      draw(photo)
      progress(ours)
    }
  }))
  batch = null
  show(false)
  const answers = photos.map(photo => photo.answer).filter(Boolean), n = test => answers.filter(test).length
  const counts = { n: answers.length, of: photos.length, wrong: n(answer => answer.error),
                   strange: n(answer => answer.familiar === false), ask: n(answer => answer.decision === set.ask) }
  say(set.words.done.replace(/{(\w+)}/g, (_, name) => counts[name]))
}

function show(running) {
  at("stop").hidden = !running
  at("progress").hidden = !running
  at("csv").hidden = at("answers").hidden = false
}

function progress(of) {
  at("progress").max = of.photos.length
  at("progress").value = of.done
  say(set.words.progress.replace("{n}", of.done).replace("{of}", of.photos.length))
}

// what people do

at("stop").addEventListener("click", () => batch?.stop.abort())
for (const input of document.querySelectorAll("input"))
  input.addEventListener("change", async () => {
    await start([...input.files])
    input.value = "" // so that the same can be chosen again
  })
for (const name of ["dragenter", "dragover"])
  document.addEventListener(name, event => {
    event.preventDefault()
    at("drop").classList.add("over")
  })
document.addEventListener("dragleave", event => event.relatedTarget || at("drop").classList.remove("over"))
document.addEventListener("drop", event => {
  event.preventDefault()
  at("drop").classList.remove("over")
  start(event.dataTransfer)
})

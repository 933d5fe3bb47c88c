// The page: loads the model of its folder, takes photos, and shows their answers, all within this browser.
import { Classifier, LoadError, PhotoError } from "./fieldguide.js"
import { readSite } from "./files.js"
import { single } from "./given.js"
import { example, listen } from "./inputs.js"
import { LiveView } from "./live.js"
import { Many } from "./many.js"
import { keepOffline } from "./offline.js"
import { OnePhoto } from "./one.js"
import { modelText, nodes, questionText } from "./texts.js"
import { ZipError } from "./zip.js"

const at = id => document.getElementById(id)
const say = text => { at("status").textContent = text } // for people who hear the page
let site = null, cache = "default", loaded
const model = new Promise(good => { loaded = good }) // of the classifier, however often its loading is tried

/** Return one sentence for an error. */
function sentence(error) {
  if ([PhotoError, LoadError, ZipError].some(kind => error instanceof kind)) return error.message
  console.error(error)
  return `Something went wrong here: ${error?.message ?? error}`
}

// the model

const showQuestion = several => at("question").replaceChildren(...nodes(questionText(site.labels, several)))

function showSite() {
  document.title = at("title").textContent = site.title
  showQuestion(site.multi_label ?? false)
  at("examples").querySelector("ul").replaceChildren(...site.examples.map((address, i) => example(address, i, page)))
  at("examples").hidden = !site.examples.length
}

function showProgress(share) {
  const all = (site.model.bytes + site.runtime.bytes) / 1e6
  at("loading-bar").value = share
  at("loading-said").textContent = share < 1
    ? `Loading the model: ${(all * share).toFixed(1)} of ${all.toFixed(1)} MB` : "Starting the model …"
}

async function load() {
  if (typeof WebAssembly === "undefined")
    throw new LoadError("This browser cannot run it: it has no WebAssembly, or that is switched off.")
  if (!site) {
    site = await readSite(document.baseURI, cache)
    showSite()
  }
  showProgress(0)
  const guide = await Classifier.load("./", { progress: showProgress, cache })
  showQuestion(guide.multiLabel)
  const { labels, facts, reportsFamiliarity, multiLabel } = guide
  at("facts").replaceChildren(...nodes(modelText(labels, facts, reportsFamiliarity, multiLabel)))
  return guide
}

async function begin() {
  at("no-model").hidden = true
  at("loading").hidden = false
  try {
    const guide = await load()
    document.body.dataset.ready = ""
    loaded(guide)
    say("Ready for a photo.")
    one.use(guide)
    keepOffline({ ready: sayOffline, newer: sayNewer }) // its files are in the browser's own cache by now
  } catch (error) {
    cache = "reload" // a damaged file may lie in the browser's own cache
    at("no-model").hidden = false
    at("no-model").querySelector("p").textContent = sentence(error)
    say("The model could not be loaded.")
  }
  at("loading").hidden = true
}

const sayOffline = () => { at("offline").textContent = "It now works without a network, too." }

function sayNewer(change) {
  at("update").hidden = false
  at("reload").onclick = change
}

// one photo, the camera, or many photos

function showView(view) {
  document.body.dataset.view = view
  at("many").hidden = view !== "many"
  at("back").hidden = view === "many" || !many.size
  at("back").textContent = `← Back to the table of ${many.size} ${many.size === 1 ? "photo" : "photos"}`
}

function showOne() {
  one.clear()
  showView("one")
}

function showMany() {
  live.close()
  one.clear()
  showView("many")
  at("many-head").focus()
}

function ask(blob) {
  live.close()
  showView("one")
  return one.ask(blob)
}

async function take(given) {
  if (!given.length) return
  const file = await single(given)
  if (file) return ask(file)
  showMany()
  many.start(given)
}

async function openRow(photo) {
  try {
    await ask(await photo.open())
  } catch (error) {
    fail(error)
  }
  scrollTo(0, 0)
  at("title").focus({ preventScroll: true })
}

function fail(error) {
  showOne()
  one.fail(error)
}

function problem(title, text) {
  if (document.body.dataset.view === "many") showOne()
  one.problem(title, text)
}

const page = { model, sentence, say, take, ask, fail, problem, showOne, openRow }
const one = new OnePhoto(page), live = new LiveView(page), many = new Many(page)
listen(page)
at("camera").addEventListener("click", () => live.open())
at("back").addEventListener("click", showMany)
at("again").addEventListener("click", begin)
for (const id of ["remove", "one-again"])
  at(id).addEventListener("click", () => {
    showOne()
    at("files").focus({ preventScroll: true })
  })
begin()

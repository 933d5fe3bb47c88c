// Before the page of a single file starts: it gives the page the files that the document holds, and a worker with them.
const held = name => document.getElementById(name)
const site = JSON.parse(held("site.json").textContent)
const later = [site.model.file, site.runtime.wasm, site.heic.wasm].map(path => path.split("/").at(-1))

globalThis.FIELDGUIDE_SITE = site
globalThis.FIELDGUIDE_FILES = Object.fromEntries(site.examples.map(path => path.split("/").at(-1)).map(
  name => [name, Uint8Array.from(atob(held(name).textContent), character => character.charCodeAt(0))]))
globalThis.FIELDGUIDE_WORKER = () => {
  const code = URL.createObjectURL(new Blob([held("worker.js").textContent], { type: "text/javascript" }))
  const worker = new Worker(code)
  worker.postMessage(later.map(name => [name, held(name).textContent, held(name).type === "application/gzip"]))
  return worker
}

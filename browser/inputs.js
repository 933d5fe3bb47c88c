// The ways in which a photo comes: chosen, taken, dropped, pasted, or an example. Each ends in a call of `take` with
// what was given, or of `ask` with one photo.
import { readFile } from "./files.js"
import { dropped } from "./given.js"

const at = id => document.getElementById(id)

function chooseFiles({ take }) {
  for (const input of document.querySelectorAll("input[type=file]"))
    input.addEventListener("change", () => {
      take([...input.files])
      input.value = "" // so that the same can be chosen again
    })
}

function dropFiles({ take, problem }) {
  const over = on => at("give").classList.toggle("over", on)
  for (const name of ["dragenter", "dragover"])
    document.addEventListener(name, event => {
      event.preventDefault()
      over(true)
    })
  document.addEventListener("dragleave", event => event.relatedTarget || over(false))
  document.addEventListener("drop", event => {
    event.preventDefault()
    over(false)
    const given = dropped(event.dataTransfer)
    if (given.length) take(given)
    else problem("No answer for this", "This is no file. Save the picture first, and drop that.")
  })
}

function pasteFiles({ take, ask, problem }) {
  document.addEventListener("paste", event => take([...event.clipboardData.files]))
  at("paste").hidden = !navigator.clipboard?.read
  at("paste").addEventListener("click", async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find(name => name.startsWith("image/"))
        if (type) return ask(await item.getType(type))
      }
      problem("No photo to paste", "Copy a photo first: there is none in the clipboard.")
    } catch {
      problem("No photo to paste", "This browser gives no photo here. Press Ctrl and V, or choose the photo's file.")
    }
  })
}

/** page: {take: called with what was given, an array of files and folders; ask: called with one photo; problem: shows a
 *  title and a sentence}. */
export function listen(page) {
  chooseFiles(page)
  dropFiles(page)
  pasteFiles(page)
}

/** Return the button of an example. It is fetched once, so that a tap asks nobody for anything. address: relative to
 *  the page; ask: called with its photo; fail: with an error. */
export function example(address, i, { ask, fail }) {
  const item = document.createElement("li"), button = document.createElement("button"), image = new Image()
  const fetched = readFile(new URL(address, document.baseURI).href).then(bytes => new Blob([bytes]))
  fetched.then(blob => { image.src = URL.createObjectURL(blob) }, () => {}) // told when it is asked for
  image.alt = `Example ${i + 1}`
  button.append(image)
  button.addEventListener("click", () => fetched.then(ask, fail))
  item.append(button)
  return item
}

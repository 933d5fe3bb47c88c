// Before the worker of a single file starts: its first message brings the files, and those after it wait until then.
const bytesOf = text => {
  const binary = atob(text), bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i)
  return bytes
}

async function opened(text, packed) {
  if (!packed) return bytesOf(text)
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

const waiting = []
self.addEventListener("message", async function take(event) {
  event.stopImmediatePropagation()
  if (waiting.push(event.data) > 1) return
  const files = waiting[0].map(async ([name, text, packed]) => [name, await opened(text, packed)])
  globalThis.FIELDGUIDE_FILES = Object.fromEntries(await Promise.all(files))
  self.removeEventListener("message", take)
  for (const data of waiting.slice(1)) self.dispatchEvent(new MessageEvent("message", { data }))
})

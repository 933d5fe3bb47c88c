// The files of the folder that a classifier is loaded from, over HTTP or out of a page that holds them all itself.

/** Raised where a file of the folder does not come, with a sentence for a person. */
export class LoadError extends Error {
  name = "LoadError"
}

/** Return the bytes of a file. address: absolute; onBytes: is called with the number of bytes of each piece.
 *  cache: as fetch takes it. globalThis.FIELDGUIDE_FILES, where there is one, maps the last part of an address to its
 *  bytes. */
export async function readFile(address, onBytes = () => {}, cache = "default") {
  const held = globalThis.FIELDGUIDE_FILES?.[address.split("/").at(-1)]
  if (held) {
    onBytes(held.byteLength)
    return held
  }
  const name = new URL(address).pathname.split("/").at(-1)
  let response
  try {
    response = await fetch(address, { cache })
  } catch {
    throw new LoadError(`${name} could not be fetched: there is no connection to this site.`)
  }
  if (!response.ok) throw new LoadError(`${name} could not be fetched: the site answered ${response.status}.`)
  const pieces = []
  let size = 0
  try {
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) break
      pieces.push(value)
      size += value.length
      onBytes(value.length)
    }
  } catch {
    throw new LoadError(`${name} broke off while it was fetched.`)
  }
  const bytes = new Uint8Array(size)
  pieces.reduce((at, piece) => (bytes.set(piece, at), at + piece.length), 0)
  return bytes
}

/** Return what site.json says of the folder at an address. */
export async function readSite(base, cache = "default") {
  if (globalThis.FIELDGUIDE_SITE) return globalThis.FIELDGUIDE_SITE
  const bytes = await readFile(new URL("site.json", base).href, undefined, cache)
  try {
    const site = JSON.parse(new TextDecoder().decode(bytes))
    if (site.model.file && site.runtime.script && site.labels && site.examples) return site
  } catch { /* it is told below */ }
  throw new LoadError("site.json is damaged: this is no folder that a classifier can be loaded from.")
}

/** Return the bytes, unpacked if they are gzip: some hosts unpack a .gz on the way. */
export async function gunzipped(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

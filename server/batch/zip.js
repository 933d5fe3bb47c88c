// The files in a zip, or in a dropped folder, one at a time, without opening more of it than is asked for. Nothing in
// it is believed: names are text and never a path, sizes are checked while a file is inflated, what lies within a zip
// in a zip stays there.

const END = 0x06054b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50
const MOST_LISTING = 20e6 // bytes of a zip's list of files
const BROKEN = "This zip is broken or cut off."

export class ZipError extends Error {}

async function view(file, from, to) {
  if (from < 0 || to > file.size || from > to) throw new ZipError(BROKEN)
  return new DataView(await file.slice(from, to).arrayBuffer())
}

function text(bytes, utf8) {
  try {
    return new TextDecoder("utf-8", { fatal: !utf8 }).decode(bytes)
  } catch {
    return new TextDecoder("windows-1252").decode(bytes) // old zips do not say which letters they mean
  }
}

/** Return {name, size, open(most)} of each file in a zip; `open` gives a Blob. Raises ZipError with a sentence. */
export async function entries(file) {
  const tail = await view(file, Math.max(0, file.size - 65557), file.size)
  let at = tail.byteLength - 22
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1
  if (at < 0) throw new ZipError(BROKEN)
  const n = tail.getUint16(at + 10, true), size = tail.getUint32(at + 12, true), from = tail.getUint32(at + 16, true)
  if (n === 0xffff || size === 0xffffffff || from === 0xffffffff || size > MOST_LISTING)
    throw new ZipError("This zip holds too much for a page. Unpack it, and drop the folder here.")
  const list = await view(file, from, from + size), found = []
  for (let here = 0; found.length < n;) {
    if (here + 46 > list.byteLength || list.getUint32(here, true) !== ENTRY) throw new ZipError(BROKEN)
    const flags = list.getUint16(here + 8, true), method = list.getUint16(here + 10, true)
    const packed = list.getUint32(here + 20, true), full = list.getUint32(here + 24, true)
    const nameSize = list.getUint16(here + 28, true), start = list.getUint32(here + 42, true)
    const end = here + 46 + nameSize
    if (end > list.byteLength) throw new ZipError(BROKEN)
    const name = text(new Uint8Array(list.buffer, here + 46, nameSize), flags & 0x800)
    found.push({ name, size: full, open: most => open(file, { flags, method, packed, start }, most) })
    here = end + list.getUint16(here + 30, true) + list.getUint16(here + 32, true)
  }
  return found
}

async function open(file, { flags, method, packed, start }, most) {
  if (flags & 1) throw new ZipError("This file is locked with a password.")
  if (method !== 0 && method !== 8) throw new ZipError("This file is packed in a way that browsers cannot open.")
  const head = await view(file, start, start + 30)
  if (head.getUint32(0, true) !== LOCAL) throw new ZipError(BROKEN)
  const from = start + 30 + head.getUint16(26, true) + head.getUint16(28, true)
  if (from + packed > file.size) throw new ZipError(BROKEN)
  const data = file.slice(from, from + packed)
  return method === 0 ? data : inflated(data, most)
}

/** Return what a Blob inflates to, as far as that is no more than `most` bytes: a few of a bomb's, and then a sentence.
 *  */
async function inflated(data, most) {
  const reader = data.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader(), parts = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return new Blob(parts)
      parts.push(value)
      if ((size += value.length) > most) {
        reader.cancel()
        throw new ZipError("This file has more bytes than a photo may have.")
      }
    }
  } catch (error) {
    throw error instanceof ZipError ? error : new ZipError(BROKEN)
  }
}

/** Yield the path and the File of each file below a FileSystemEntry: of a dropped folder, as of a zip. */
export async function* filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad))
    yield [entry.fullPath.replace(/^\//, ""), file]
  } else {
    const reader = entry.createReader()
    for (;;) {
      const some = await new Promise((good, bad) => reader.readEntries(good, bad))
      if (!some.length) return
      for (const below of some) yield* filesBelow(below)
    }
  }
}

// What the headers of a photo say before it is decoded: its format and size, whether it is whole, its colour profile
// and its orientation. Browsers tell none of these, and each has its own idea of a cut-off file.
import { cutOff, PhotoError, unknownFormat } from "./photo_error.js"

const latin1 = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, Math.min(to, bytes.length)))
const viewOf = bytes => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function indexOf(bytes, text, from = 0, to = bytes.length) {
  const codes = [...text].map(letter => letter.charCodeAt(0))
  for (let at = bytes.indexOf(codes[0], from); at >= 0 && at < to; at = bytes.indexOf(codes[0], at + 1))
    if (codes.every((code, i) => bytes[at + i] === code)) return at
  return -1
}

const BRANDS = /avi[fs]|hei[cxms]|hev[cx]|mif1|msf1/ // of AVIF and HEIC
const MAX_PROFILE = 16e6 // bytes: a bomb inflates to any number, and no profile of colours has more
const PIECE = 16384 // bytes that are inflated at once: some browsers inflate all of them before any can be read
const PROGRESSIVE = [0xc2, 0xc6, 0xca, 0xce]
const FRAMES = marker => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

function jpeg(bytes) {
  const view = viewOf(bytes), profile = []
  let at = 2, size = [0, 0], progressive = false
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff || bytes[at + 1] === 0xff) {
      at += 1
      continue
    }
    const marker = bytes[at + 1], length = view.getUint16(at + 2), payload = at + 4, end = at + 2 + length
    if (FRAMES(marker) && end <= bytes.length) {
      size = [view.getUint16(payload + 3), view.getUint16(payload + 1)]
      progressive = PROGRESSIVE.includes(marker)
    }
    if (marker === 0xe2 && latin1(bytes, payload, payload + 12) === "ICC_PROFILE\0")
      profile.push([bytes[payload + 12], bytes.subarray(payload + 14, end)])
    if (marker === 0xda) break
    at = end
  }
  const ended = hasEnd(bytes, at)
  if (!ended && (progressive || !size[0])) throw new PhotoError(cutOff("JPEG"))
  const parts = profile.sort(([one], [other]) => one - other).map(([, part]) => part)
  return { format: "JPEG", size, profile: parts.length ? joined(parts) : null, orientation: 1, ended } // turned already
}

/** Return whether a JPEG's end follows: within a scan's data 0xff is never followed by its marker. */
function hasEnd(bytes, at) {
  let end = at
  while ((end = bytes.indexOf(0xff, end)) >= 0 && bytes[end + 1] !== 0xd9) end += 1
  return end >= 0
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0)
  return whole
}

async function png(bytes) {
  const view = viewOf(bytes), size = bytes.length < 24 ? [0, 0] : [view.getUint32(16), view.getUint32(20)]
  let packed = null, orientation = 1, ended = false, primaries = 1
  for (let at = 8; at + 12 <= bytes.length && !ended;) {
    const length = view.getUint32(at), kind = latin1(bytes, at + 4, at + 8)
    const content = bytes.subarray(at + 8, at + 8 + length)
    ended = kind === "IEND"
    if (kind === "eXIf") orientation = orientationIn(content)
    if (kind === "cICP") primaries = content[0]
    if (kind === "iCCP") packed = content.subarray(content.indexOf(0) + 2)
    at += 12 + length
  }
  if (!ended) throw new PhotoError(cutOff("PNG"))
  const profile = packed && await inflated(packed).catch(() => null)
  return { format: "PNG", size, profile, orientation, primaries }
}

async function inflated(bytes) {
  let at = 0
  const pull = stream => at < bytes.length ? stream.enqueue(bytes.slice(at, at += PIECE)) : stream.close()
  const unpacked = new ReadableStream({ pull }).pipeThrough(new DecompressionStream("deflate"))
  const reader = unpacked.getReader(), parts = []
  for (let size = 0; size <= MAX_PROFILE;) {
    const { done, value } = await reader.read()
    if (done) return joined(parts)
    parts.push(value)
    size += value.length
  }
  await reader.cancel()
  throw new RangeError("This profile is too large.")
}

function webp(bytes) {
  const view = viewOf(bytes)
  if (bytes.length < 30 || view.getUint32(4, true) + 8 > bytes.length) throw new PhotoError(cutOff("WebP"))
  const three = at => (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16) + 1, kind = latin1(bytes, 12, 16)
  const packed = view.getUint32(21, true) // of a lossless one: 14 bits each
  const size = kind === "VP8X" ? [three(24), three(27)]
    : kind === "VP8L" ? [(packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1]
      : [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff]
  let profile = null, orientation = 1
  for (let at = 12; kind === "VP8X" && at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true), name = latin1(bytes, at, at + 4)
    const content = bytes.subarray(at + 8, at + 8 + length)
    if (name === "ICCP") profile = content
    if (name === "EXIF") orientation = orientationIn(content)
    at += 8 + length + length % 2
  }
  return { format: "WebP", size, profile, orientation }
}

/** Return the orientation in EXIF data, 1 to 8; 1 where they are damaged. */
function orientationIn(exif) {
  try {
    const start = latin1(exif, 0, 4) === "Exif" ? 6 : 0, view = viewOf(exif.subarray(start))
    const little = view.getUint16(0) === 0x4949, first = view.getUint32(4, little)
    for (let i = 0; i < view.getUint16(first, little); i++) {
      const at = first + 2 + 12 * i
      if (view.getUint16(at, little) !== 0x112) continue
      const tag = view.getUint16(at + 8, little)
      return tag >= 1 && tag <= 8 ? tag : 1
    }
  } catch { /* the photo can be used without them */ }
  return 1
}

function gif(bytes) {
  const view = viewOf(bytes), colors = at => bytes[at] & 128 ? 3 << (bytes[at] & 7) + 1 : 0
  let at = 13 + colors(10)
  const skipBlocks = () => {
    while (bytes[at]) at += 1 + bytes[at] // to the block of no bytes, or beyond the end
    at += 1
  }
  for (; bytes[at] === 0x21; skipBlocks()) at += 2 // extensions
  if (bytes[at] === 0x2c) {
    at += 11 + colors(at + 9)
    skipBlocks()
  }
  if (!(at <= bytes.length)) throw new PhotoError(cutOff("GIF"))
  return { format: "GIF", size: [view.getUint16(6, true), view.getUint16(8, true)], profile: null, orientation: 1 }
}

function bmp(bytes) {
  const view = viewOf(bytes), short = view.getUint32(14, true) === 12 // the header of OS/2, with sides of 16 bits
  const size = short ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), view.getInt32(22, true)].map(Math.abs)
  const [depth, compression] = short ? [view.getUint16(24, true), 0]
    : [view.getUint16(28, true), view.getUint32(30, true)]
  const line = Math.ceil(size[0] * depth / 32) * 4
  if (!compression && view.getUint32(10, true) + line * size[1] > bytes.length) throw new PhotoError(cutOff("BMP"))
  return { format: "BMP", size, profile: null, orientation: 1 }
}

/** AVIF and HEIC: boxes within boxes, of which the few that matter are found by their names. */
function heif(bytes) {
  const view = viewOf(bytes), brands = latin1(bytes, 8, 64)
  const media = indexOf(bytes, "mdat"), end = media < 0 ? bytes.length : media
  let size = [0, 0]
  for (let at = -4; (at = indexOf(bytes, "ispe", at + 4, end)) >= 0 && at + 16 <= bytes.length;) {
    const found = [view.getUint32(at + 8), view.getUint32(at + 12)]
    if (found[0] * found[1] > size[0] * size[1]) size = found
  }
  const color = indexOf(bytes, "colr", 0, end), kind = latin1(bytes, color + 4, color + 8)
  const primaries = color >= 0 && kind === "nclx" ? view.getUint16(color + 8) : 1
  const profile = color >= 0 && (kind === "prof" || kind === "rICC")
    ? bytes.subarray(color + 8, color - 4 + view.getUint32(color - 4)) : null
  const isAvif = /avi[fs]/.test(brands), turns = ["irot", "imir"].some(box => indexOf(bytes, box, 0, end) >= 0)
  const exif = isAvif || turns ? -1 : indexOf(bytes, "Exif\0\0", end) // of converters that write no box that turns
  const orientation = exif < 0 ? 1 : orientationIn(bytes.subarray(exif))
  return { format: isAvif ? "AVIF" : "HEIC", size, profile, orientation, primaries }
}

/** Return what the headers of a photo say: {format, size: [width, height], profile, orientation, primaries, ended}.
 *  Raises PhotoError for a file that is cut off, or that is no photo; a JPEG of one pass may lack its end. bytes:
 *  Uint8Array of the whole file. */
export async function readHeaders(bytes) {
  try {
    return await headersOf(bytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error // of a DataView: a header points beyond the end
    throw new PhotoError(unknownFormat(latin1(bytes, 0, 1024)))
  }
}

async function headersOf(bytes) {
  const start = latin1(bytes, 0, 12)
  if (start.startsWith("\xff\xd8")) return jpeg(bytes)
  if (start.startsWith("\x89PNG")) return png(bytes)
  if (start.startsWith("RIFF") && start.slice(8) === "WEBP") return webp(bytes)
  if (start.startsWith("GIF8") && bytes.length > 13) return gif(bytes)
  if (start.startsWith("BM") && bytes.length > 34) return bmp(bytes)
  if (start.slice(4, 8) === "ftyp" && BRANDS.test(latin1(bytes, 8, 32))) return heif(bytes)
  throw new PhotoError(unknownFormat(latin1(bytes, 0, 1024)))
}

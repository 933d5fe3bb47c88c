// Open a photo of any format that the browser decodes: upright, in sRGB, transparency on white, as the Python edition
// does (classifier/photo/decode.py). The picture that comes of it is what resample.js reads, a strip at a time.
import { colorsOf } from "./colors.js"
import { readHeaders } from "./headers.js"
import { cutOff, damaged, PhotoError, tooLarge } from "./photo_error.js"

const MAX_PIXELS = 100e6, MAX_BYTES = 200e6, STRIP = 256, END = Uint8Array.of(0xff, 0xd9) // of a JPEG
// two pixels, the left one white, with the EXIF orientation 3: turned, the left one is black
const TURNED = {
  WebP: "UklGRlIAAABXRUJQVlA4WAoAAAAIAAAAAQAAAAAAVlA4TBIAAAAvAQAAAA8w//M///MfeMiI/gdFWElGGgAAAE1NACoAAAAIAAEBEgADAAAA" +
    "AQADAAAAAAAA",
  PNG: "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAGmVYSWZNTQAqAAAACAABARIAAwAAAAEAAwAAAAAAAIRfZM4AAAAPSURBVHic" +
    "Y/j//z8DAwMADvgC/smLg/UAAAAASUVORK5CYII=",
}
const HEIC_UNKNOWN = "This is a HEIC, which this browser cannot open. Choose it as JPEG."
const turnsItself = {}

/** Return whether this browser turns photos of a format by their EXIF orientation; few do so for WebP, none for HEIC.
 *  */
async function browserTurns(format) {
  if (!(format in TURNED)) return false
  turnsItself[format] ??= (async () => {
    const bytes = Uint8Array.from(atob(TURNED[format]), letter => letter.charCodeAt(0))
    const image = await createImageBitmap(new Blob([bytes]))
    const context = new OffscreenCanvas(2, 1).getContext("2d")
    context.drawImage(image, 0, 0)
    return context.getImageData(0, 0, 1, 1).data[0] < 128
  })()
  return turnsItself[format]
}

async function decoded(bytes, headers, byBrowser, heic) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: byBrowser ? "default" : "none" }
  try {
    return await createImageBitmap(new Blob(headers.ended === false ? [bytes, END] : [bytes]), options)
  } catch {
    if (headers.format === "HEIC" && heic) return heic(bytes)
    if (headers.format === "HEIC") throw new PhotoError(HEIC_UNKNOWN)
    throw new PhotoError(headers.ended === false ? cutOff("JPEG") : damaged(headers.format))
  }
}

/** Raise PhotoError for a cut-off JPEG that misses more than 1% of its pixels, which decoders make grey. */
function checkEnd(image) {
  const picture = pictureOfImage(image), { width, height } = picture, n = Math.floor(height / 8) + 1
  const pixels = picture.rows(Math.max(0, height - n), Math.min(n, height))
  const isGrey = value => value === 127 || value === 128
  let grey = 0
  for (let i = 0; i < pixels.length; i += 4)
    grey += isGrey(pixels[i]) && isGrey(pixels[i + 1]) && isGrey(pixels[i + 2])
  if (grey > Math.max(Math.floor(width * height / 100), 256)) throw new PhotoError(cutOff("JPEG"))
}

/** What turns a picture of w × h by its EXIF orientation: the matrix for a canvas. */
const TURNS = {
  2: (w, h) => [-1, 0, 0, 1, w, 0], 3: (w, h) => [-1, 0, 0, -1, w, h], 4: (w, h) => [1, 0, 0, -1, 0, h],
  5: () => [0, 1, 1, 0, 0, 0], 6: (w, h) => [0, 1, -1, 0, h, 0], 7: (w, h) => [0, -1, -1, 0, h, w],
  8: (w, h) => [0, -1, 1, 0, 0, w],
}

async function turned(image, orientation) {
  const { width, height } = image, across = orientation >= 5
  const canvas = new OffscreenCanvas(...(across ? [height, width] : [width, height])), context = canvas.getContext("2d")
  context.setTransform(...TURNS[orientation](width, height))
  context.drawImage(image, 0, 0)
  image.close()
  return canvas.transferToImageBitmap()
}

/** Return the photo upright, as {image: an ImageBitmap, conversion: of its colours, or null}. blob: a Blob or File;
 *  heic: decodes a HEIC's bytes to an ImageBitmap, for browsers that cannot. Raises PhotoError, with a sentence for a
 *  person. */
export async function openPhoto(blob, heic = null) {
  if (blob.size > MAX_BYTES)
    throw new PhotoError(`This file has more than ${MAX_BYTES / 1e6} MB. Choose a smaller one.`)
  let bytes
  try {
    bytes = new Uint8Array(await blob.arrayBuffer())
  } catch {
    throw new PhotoError("This could not be read. Choose it again.")
  }
  if (!bytes.length) throw new PhotoError("This file is empty.")
  const headers = await readHeaders(bytes), [width, height] = headers.size
  if (width * height > MAX_PIXELS) throw new PhotoError(tooLarge(width, height, MAX_PIXELS))
  const { conversion, byBrowser } = colorsOf(headers)
  const image = await decoded(bytes, headers, byBrowser, heic)
  if (image.width * image.height > MAX_PIXELS) throw new PhotoError(tooLarge(image.width, image.height, MAX_PIXELS))
  if (headers.ended === false) checkEnd(image)
  const turns = headers.orientation > 1 && !await browserTurns(headers.format)
  return { image: turns ? await turned(image, headers.orientation) : image, conversion }
}

/** Return an ImageBitmap (or a VideoFrame, or a canvas) as a picture, which is drawn on white a strip at a time and,
 *  with a conversion, in sRGB. */
export function pictureOfImage(image, conversion = null) {
  const width = image.displayWidth ?? image.width, height = image.displayHeight ?? image.height
  let canvas = null, context = null, strip = null, from = 0, to = 0
  const draw = (y, n) => {
    const start = Math.floor(y / STRIP) * STRIP, end = Math.min(height, Math.ceil((y + n) / STRIP) * STRIP)
    if (canvas?.height !== end - start) {
      canvas = new OffscreenCanvas(width, end - start)
      context = canvas.getContext("2d", { willReadFrequently: true, alpha: false })
    }
    context.fillStyle = "#fff"
    context.fillRect(0, 0, width, end - start)
    context.drawImage(image, 0, start, width, end - start, 0, 0, width, end - start)
    strip = context.getImageData(0, 0, width, end - start).data
    conversion?.apply(strip)
    ;[from, to] = [start, end]
  }
  const rows = (y, n) => {
    if (y < from || y + n > to) draw(y, n)
    return strip.subarray((y - from) * width * 4, (y - from + n) * width * 4)
  }
  return { width, height, channels: 3, stride: 4, rows }
}

/** Return a smaller copy of an image for people to look at, no side above `side` pixels. */
export function preview(image, conversion = null, side = 640) {
  const width = image.displayWidth ?? image.width, height = image.displayHeight ?? image.height
  const by = Math.min(1, side / Math.max(width, height))
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * by)), Math.max(1, Math.round(height * by)))
  const context = canvas.getContext("2d")
  context.imageSmoothingQuality = "high"
  context.fillStyle = "#fff"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  if (conversion) {
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height)
    conversion.apply(pixels.data)
    context.putImageData(pixels, 0, 0)
  }
  return canvas.transferToImageBitmap()
}

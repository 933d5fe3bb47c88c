// Open a photo of any format that the browser decodes: upright, in sRGB, transparency on white, as the Python edition
// does (classifier/photo/decode.py). The picture that comes of it is what resample.js reads, a strip at a time.
import { hasOtherColors } from "./colors.js"
import { readHeaders } from "./headers.js"
import { damaged, PhotoError, tooLarge } from "./photo_error.js"

const MAX_PIXELS = 100e6, MAX_BYTES = 200e6, STRIP = 256
// two pixels, the left one white, with the EXIF orientation 3: turned, the left one is black
const TURNED = {
  WebP: "UklGRlIAAABXRUJQVlA4WAoAAAAIAAAAAQAAAAAAVlA4TBIAAAAvAQAAAA8w//M///MfeMiI/gdFWElGGgAAAE1NACoAAAAIAAEBEgADAAAA" +
    "AQADAAAAAAAA",
  PNG: "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAGmVYSWZNTQAqAAAACAABARIAAwAAAAEAAwAAAAAAAIRfZM4AAAAPSURBVHicY/j/" +
    "/z8DAwMADvgC/smLg/UAAAAASUVORK5CYII=",
}
const turnsItself = {}

/** Return whether this browser turns photos of a format by their EXIF orientation; few do so for WebP. */
async function browserTurns(format) {
  turnsItself[format] ??= (async () => {
    const bytes = Uint8Array.from(atob(TURNED[format]), letter => letter.charCodeAt(0))
    const image = await createImageBitmap(new Blob([bytes]))
    const context = new OffscreenCanvas(2, 1).getContext("2d")
    context.drawImage(image, 0, 0)
    return context.getImageData(0, 0, 1, 1).data[0] < 128
  })()
  return turnsItself[format]
}

async function decoded(blob, headers, heic) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: hasOtherColors(headers) ? "default" : "none" }
  try {
    return await createImageBitmap(blob, options)
  } catch (error) {
    if (headers.format === "HEIC" && heic) return heic(new Uint8Array(await blob.arrayBuffer()))
    if (headers.format === "HEIC") throw new PhotoError("This is a HEIC, which this browser cannot open. Send it as JPEG.")
    throw new PhotoError(damaged(headers.format))
  }
}

/** What turns a picture of w × h by its EXIF orientation: the matrix for a canvas. */
const TURNS = {
  2: (w, h) => [-1, 0, 0, 1, w, 0], 3: (w, h) => [-1, 0, 0, -1, w, h], 4: (w, h) => [1, 0, 0, -1, 0, h],
  5: () => [0, 1, 1, 0, 0, 0], 6: (w, h) => [0, 1, -1, 0, h, 0], 7: (w, h) => [0, -1, -1, 0, h, w],
  8: (w, h) => [0, -1, 1, 0, 0, w],
}

async function turned(image, orientation) {
  const { width, height } = image, across = orientation >= 5
  const canvas = new OffscreenCanvas(across ? height : width, across ? width : height), context = canvas.getContext("2d")
  context.setTransform(...TURNS[orientation](width, height))
  context.drawImage(image, 0, 0)
  image.close()
  return canvas.transferToImageBitmap()
}

/** Return the photo upright, as an ImageBitmap. blob: a Blob or File; heic: decodes a HEIC's bytes to an ImageBitmap,
 *  for browsers that cannot. Raises PhotoError, with a sentence for a person. */
export async function openPhoto(blob, heic = null) {
  if (blob.size > MAX_BYTES) throw new PhotoError(`This file has more than ${MAX_BYTES / 1e6} MB. Send a smaller one.`)
  let bytes
  try {
    bytes = new Uint8Array(await blob.arrayBuffer())
  } catch {
    throw new PhotoError("This could not be read. Choose it again.")
  }
  if (!bytes.length) throw new PhotoError("This file is empty.")
  const headers = await readHeaders(bytes), [width, height] = headers.size
  if (width * height > MAX_PIXELS) throw new PhotoError(tooLarge(width, height, MAX_PIXELS))
  const image = await decoded(new Blob([bytes]), headers, heic)
  if (image.width * image.height > MAX_PIXELS) throw new PhotoError(tooLarge(image.width, image.height, MAX_PIXELS))
  const turns = headers.orientation > 1 && !await browserTurns(headers.format)
  return turns ? turned(image, headers.orientation) : image
}

/** Return an ImageBitmap (or a VideoFrame, or a canvas) as a picture, which is drawn on white a strip at a time. */
export function pictureOfImage(image) {
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
    ;[from, to] = [start, end]
  }
  const rows = (y, n) => {
    if (y < from || y + n > to) draw(y, n)
    return strip.subarray((y - from) * width * 4, (y - from + n) * width * 4)
  }
  return { width, height, channels: 3, stride: 4, rows }
}

/** Return a smaller copy of an image for people to look at, no side above `side` pixels. */
export function preview(image, side = 640) {
  const width = image.displayWidth ?? image.width, height = image.displayHeight ?? image.height
  const by = Math.min(1, side / Math.max(width, height))
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * by)), Math.max(1, Math.round(height * by)))
  const context = canvas.getContext("2d")
  context.imageSmoothingQuality = "high"
  context.fillStyle = "#fff"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.transferToImageBitmap()
}

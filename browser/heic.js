// HEIC for browsers that do not decode it (all but Safari): libheif, loaded with the first such photo.
import { damaged, PhotoError, tooLarge } from "./photo_error.js"
import { readFile } from "./files.js"

let library = null

/** Return what decodes a HEIC's bytes to an ImageBitmap. files: {script, wasm}, absolute addresses; most: pixels. */
export function heicDecoder({ script, wasm }, most) {
  return async bytes => {
    library ??= open(script, wasm).catch(error => {
      library = null
      throw error
    })
    const heif = await library
    try {
      return await decoded(heif, bytes, most)
    } catch (error) {
      if (error instanceof PhotoError) throw error
      library = null // a fault within it: the next photo gets a fresh one
      throw new PhotoError(damaged("HEIC"))
    }
  }
}

async function decoded(heif, bytes, most) {
  const images = new heif.HeifDecoder().decode(bytes), image = images?.find(one => one.is_primary?.()) ?? images?.[0]
  if (!image) throw new PhotoError(damaged("HEIC"))
  try {
    return await drawn(image, most)
  } finally {
    for (const one of images) one.free()
  }
}

async function drawn(image, most) {
  const width = image.get_width(), height = image.get_height()
  if (width * height > most) throw new PhotoError(tooLarge(width, height, most))
  if (!width || !height) throw new PhotoError(damaged("HEIC"))
  const data = new ImageData(width, height)
  await new Promise((good, bad) =>
    image.display(data, shown => shown ? good(shown) : bad(new PhotoError(damaged("HEIC")))))
  return createImageBitmap(data)
}

async function open(script, wasm) {
  const wasmBinary = await readFile(wasm)
  const { default: libheif } = await import(script)
  return libheif({ wasmBinary })
}

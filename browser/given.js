// What a person gives – files, a folder, a zip – as photos: {name, size, modified, open}. `open` gives the Blob: a zip
// is unpacked one photo at a time.
import { entries, filesBelow } from "./zip.js"

// of classifier/photo/formats.py: a photo that browsers cannot open gets a sentence in the table, too
const PHOTO = /\.(jpe?g|jpe|jfif|png|webp|gif|avif|heic|heif|tiff?|bmp|p[pgbn]m)$/i
const ZIP = /\.zip$/i
const MOST_BYTES = 200e6 // of a photo in a zip: it is unpacked before it is known to be one

/** Return the files and folders of a DataTransfer, which is empty after the first wait. */
export const dropped = transfer => [...transfer.items].filter(item => item.kind === "file")
  .map(item => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean)

async function* files(given) {
  for (const one of given)
    if (one instanceof Blob) yield [one.webkitRelativePath || one.name, one]
    else yield* filesBelow(one)
}

/** Return the one photo that was given, as a File, or null where it is a folder, a zip or several. */
export async function single(given) {
  if (given.length !== 1) return null
  const [one] = given
  if (!(one instanceof Blob) && !one.isFile) return null
  const file = one instanceof Blob ? one : await new Promise((good, bad) => one.file(good, bad))
  return ZIP.test(file.name) || file.webkitRelativePath ? null : file
}

/** Return [photos, problems]: the photos in what was given, and a sentence for each thing that is none. */
export async function gather(given) {
  const photos = [], problems = []
  let others = 0
  const take = (path, size, modified, open) => {
    const name = path.split(/[/\\]/).filter(part => part !== "." && part !== "..").join("/")
    if (name.split("/").some(part => part.startsWith(".") || part === "__MACOSX")) return
    if (PHOTO.test(name)) photos.push({ name, size, modified, open })
    else others += !name.endsWith("/")
  }
  for await (const [name, file] of files(given)) {
    if (!ZIP.test(name)) {
      take(name, file.size, Math.floor(file.lastModified / 1000), async () => file)
      continue
    }
    try {
      for (const inside of await entries(file)) take(inside.name, inside.size, "", () => inside.open(MOST_BYTES))
    } catch (error) {
      problems.push(`${name}: ${error.message}`)
    }
  }
  if (others) problems.push(`Left out, because their names are not those of photos: ${others}.`)
  if (!photos.length) problems.unshift("There is no photo in this.")
  return [photos, problems]
}

// What a photo cannot be opened for, in the sentences of classifier/photo/errors.py, but that nothing is sent.

/** A photo that cannot be answered; its message is one sentence for the person who chose it. */
export class PhotoError extends Error {
  name = "PhotoError"
}

const SEND = "Choose a photo as JPEG, PNG, WebP, GIF, AVIF, HEIC or BMP."
const OTHERS = [ // the beginning, or a part of it; what the file is
  [/^%pdf/, "a PDF document"],
  [/^pk\x03\x04/, "a zip archive or an office document"],
  [/^8bps/, "a Photoshop file"],
  [/^%!ps/, "a PostScript drawing"],
  [/^version https:\/\/git-lfs/, "a Git LFS pointer, not the photo itself (`git lfs pull` fetches it)"],
  [/^\x1aE\xdf\xa3/i, "a video"],
  [/<svg/, "an SVG drawing, not a photo"],
  [/<!doctype html|<html/, "a web page, not a photo"],
  [/^(ii\*\0|mm\0\*|ii\0\*|mm\*\0|ii\+\0|mm\0\+)/, "a TIFF, which browsers cannot open"],
  [/^(\0\0\0\x0cjp  |\xffO\xffQ)/i, "a JPEG 2000, which browsers cannot open"],
  [/^(\xff\n|\0\0\0\x0cjxl )/, "a JPEG XL, which few browsers can open"],
  [/^p[1-7]\s/, "a PPM, which browsers cannot open"],
]
const VIDEO = /^....ftyp(iso|mp4|mp7|avc1|m4v|m4a|qt  |3gp|3g2|dash|msnv)/
const PHOTO = /^(\xff\xd8|\x89png|gif8|bm|....ftyp|riff....webp)/i // of text in small letters: \xd8 is a letter, too

/** Return the sentence for bytes that the browser does not decode. start: the first of them, as Latin-1 text. */
export function unknownFormat(start) {
  const head = start.slice(0, 1024).replace(/^(\xef\xbb\xbf|[ \t\r\n])+/, "").toLowerCase()
  const other = OTHERS.find(([pattern]) => pattern.test(head))
  if (other) return `This is ${other[1]}. ${SEND}`
  if (VIDEO.test(head) || /^.{8}(avi |wave)/s.test(head)) return `This is a video or a sound, not a photo. ${SEND}`
  if (PHOTO.test(head)) return `This photo is damaged, cut off or of a kind that cannot be opened. ${SEND}`
  return `This file is not a photo. ${SEND}`
}

export const cutOff = format => `This ${format} is cut off before its end. Choose the whole file.`
export const damaged = format => `This ${format} is damaged and cannot be decoded. Choose another copy of it.`
export const tooLarge = (width, height, most) =>
  `This photo has ${width} x ${height} pixels, more than the ${most / 1e6} megapixels that can be opened. ` +
  "Choose a smaller one."

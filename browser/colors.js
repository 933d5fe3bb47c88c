// Whether a photo's colours are others than sRGB, as classifier/photo/color_profiles.py decides it: then the browser is to
// convert them, and only then, since its conversion moves the samples of plain photos too.

const SRGB = [[0.436, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7139]] // its primaries as XYZ
const NEAR_PRIMARY = 0.004, NEAR_CURVE = 0.006
const OTHER_PRIMARIES = [9, 12] // BT.2020 and Display P3, by the code that AVIF, HEIC and PNG use

const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
const name = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map(i => view.getUint8(at + i)))
const fixed = (view, at) => view.getInt32(at) / 65536

/** Return the function of a curve's tag, from a sample to light, both 0 to 1; undefined for one unknown here. */
function curveAt(view, at) {
  const kind = name(view, at)
  if (kind === "curv") {
    const n = view.getUint32(at + 8)
    if (n === 0) return value => value
    if (n === 1) return value => value ** (view.getUint16(at + 12) / 256)
    return value => view.getUint16(at + 12 + 2 * Math.round(value * (n - 1))) / 65535
  }
  if (kind !== "para") return undefined
  const type = view.getUint16(at + 8), given = i => fixed(view, at + 12 + 4 * i)
  const [g, a, b, c, d, e, f] = Array.from({ length: [1, 3, 4, 5, 7][type] }, (_, i) => given(i))
  if (type === 0) return value => value ** g
  if (type < 3) return value => (value >= -b / a ? (a * value + b) ** g : 0) + (c ?? 0)
  return value => value >= d ? (a * value + b) ** g + (e ?? 0) : c * value + (f ?? 0)
}

function isSrgb(profile) {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength), tags = new Map()
  for (let i = 0; i < view.getUint32(128); i++) tags.set(name(view, 132 + 12 * i), view.getUint32(136 + 12 * i))
  if (name(view, 16) === "GRAY") return matches(curveAt(view, tags.get("kTRC")))
  return ["r", "g", "b"].every((letter, i) => {
    const at = tags.get(`${letter}XYZ`)
    const primary = [8, 12, 16].map(place => fixed(view, at + place))
    return primary.every((value, j) => Math.abs(value - SRGB[i][j]) < NEAR_PRIMARY) &&
      matches(curveAt(view, tags.get(`${letter}TRC`)))
  })
}

const matches = curve => [0.1, 0.25, 0.5, 0.75, 0.9].every(x => Math.abs(curve(x) - linear(x)) < NEAR_CURVE)

/** Return whether the browser is to convert a photo's colours. headers: of headers.js. */
export function hasOtherColors({ profile, primaries = 1 }) {
  if (!profile) return OTHER_PRIMARIES.includes(primaries)
  try {
    return !isSrgb(profile)
  } catch {
    return true // no profile of three primaries and curves, as those of printers
  }
}

// Colours that are not sRGB, converted as classifier/photo/color_profiles.py converts them with LittleCMS: for a
// profile of primaries and curves, sample for sample (its 8-bit shaper: fixed point with 14 bits). The browser's own
// conversion, which differs by a level here and there, is left to the profiles of printers and greys.

const PRIMARIES = { // red, green and blue as XYZ under D50, by the code that AVIF, HEIC and PNG use
  9: [[0.67348, 0.27904, -0.00194], [0.16566, 0.67534, 0.02998], [0.12505, 0.04561, 0.79686]], // BT.2020
  12: [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]], // Display P3
}
const XYZ_TO_SRGB = [[3.13418636, -1.61720896, -0.49069406], [-0.9787485, 1.9161301, 0.0334334],
  [0.07196393, -0.22899387, 1.40575373]]
const ONE = 2 ** 14, MAX_SAME = 2 // of 255: a profile that changes no colour by more counts as sRGB
const NEAR_CURVE = 0.006, MAX_TAGS = 100 // of LittleCMS

const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
const encoded = light => light <= linear(0.04045) ? light * 12.92 : light ** (1 / 2.4) * 1.055 - 0.055
const name = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map(i => view.getUint8(at + i)))
const fixed = (view, at) => view.getInt32(at) / 65536
const clamp = (value, most) => Math.min(most, Math.max(0, value))

/** Converts the samples of pixels, in place. */
class Conversion {
  /** primaries: the light of red, green and blue as XYZ; curves: of each channel, from a sample to light, 0 to 1. */
  constructor(primaries, curves) {
    this.light = curves.map(curve => Int32Array.from({ length: 256 }, (_, i) => Math.floor(curve(i / 255) * ONE + 0.5)))
    this.matrix = Int32Array.from(XYZ_TO_SRGB.flatMap(row => primaries.map(color =>
      Math.floor(row.reduce((sum, weight, i) => sum + weight * color[i], 0) * ONE + 0.5))))
    this.samples = Uint8Array.from({ length: ONE + 1 }, (_, i) =>
      Math.floor((Math.floor(clamp(encoded(i / ONE), 1) * 65535 + 0.5) * 65281 + 8388608) / 2 ** 24))
  }

  apply(pixels, stride = 4) {
    const [red, green, blue] = this.light, m = this.matrix, samples = this.samples, half = ONE / 2
    for (let i = 0; i < pixels.length; i += stride) {
      const r = red[pixels[i]], g = green[pixels[i + 1]], b = blue[pixels[i + 2]]
      pixels[i] = samples[clamp(m[0] * r + m[1] * g + m[2] * b + half >> 14, ONE)]
      pixels[i + 1] = samples[clamp(m[3] * r + m[4] * g + m[5] * b + half >> 14, ONE)]
      pixels[i + 2] = samples[clamp(m[6] * r + m[7] * g + m[8] * b + half >> 14, ONE)]
    }
  }

  /** Whether it changes any colour, seen on some from all over. */
  get changes() {
    const levels = Array.from({ length: 9 }, (_, i) => Math.round(i * 255 / 8))
    const probe = Uint8Array.from(levels.flatMap(r => levels.flatMap(g => levels.flatMap(b => [r, g, b]))))
    const converted = probe.slice()
    this.apply(converted, 3)
    return converted.some((sample, i) => Math.abs(sample - probe[i]) > MAX_SAME)
  }
}

function table(view, at, n) {
  return value => {
    const place = value * (n - 1), low = Math.floor(place), next = Math.min(n - 1, low + 1)
    const [one, other] = [low, next].map(i => view.getUint16(at + 2 * i))
    return Math.floor(one + (other - one) * (place - low) + 0.5) / 65535
  }
}

/** Return the function of a curve's tag, from a sample to light, both 0 to 1; undefined for one unknown here. */
function curveAt(view, at) {
  const kind = name(view, at)
  if (kind === "curv") {
    const n = view.getUint32(at + 8)
    const power = view.getUint16(at + 12) / 256 // of a curve that is one number
    return n === 0 ? value => value : n === 1 ? value => value ** power : table(view, at + 12, n)
  }
  if (kind !== "para") return undefined
  const type = view.getUint16(at + 8), given = i => fixed(view, at + 12 + 4 * i)
  const [g, a, b, c, d, e, f] = Array.from({ length: [1, 3, 4, 5, 7][type] }, (_, i) => given(i))
  if (type === 0) return value => value ** g
  if (type < 3) return value => (value >= -b / a ? (a * value + b) ** g : 0) + (c ?? 0)
  return value => value >= d ? (a * value + b) ** g + (e ?? 0) : c * value + (f ?? 0)
}

function read(profile) {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength), tags = new Map()
  if (view.getUint32(128) > MAX_TAGS) throw new RangeError("This profile has too many tags.")
  for (let i = 0; i < view.getUint32(128); i++) tags.set(name(view, 132 + 12 * i), view.getUint32(136 + 12 * i))
  if (name(view, 16) === "GRAY") {
    const curve = curveAt(view, tags.get("kTRC"))
    const plain = [0.1, 0.25, 0.5, 0.75, 0.9].every(x => Math.abs(curve(x) - linear(x)) < NEAR_CURVE)
    return { byBrowser: !plain }
  }
  if (name(view, 16) !== "RGB " || tags.has("A2B0")) return { byBrowser: true }
  const channels = ["r", "g", "b"]
  const primaries = channels.map(letter => [8, 12, 16].map(place => fixed(view, tags.get(`${letter}XYZ`) + place)))
  return { conversion: new Conversion(primaries, channels.map(letter => curveAt(view, tags.get(`${letter}TRC`)))) }
}

/** Return {conversion, byBrowser}: what converts a photo's colours to sRGB, null where they are sRGB; byBrowser: the
 *  browser is to do it. headers: of headers.js. */
export function colorsOf({ profile, primaries = 1 }) {
  try {
    const { conversion = null, byBrowser = false } = profile ? read(profile)
      : primaries in PRIMARIES ? { conversion: new Conversion(PRIMARIES[primaries], [linear, linear, linear]) } : {}
    return { conversion: conversion?.changes ? conversion : null, byBrowser }
  } catch {
    return { conversion: null, byBrowser: false } // a profile that is damaged is ignored
  }
}

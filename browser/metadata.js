// What export.onnx says of its model: its metadata, JSON by name (classifier/inference/onnx_export.py). The weights,
// all but a few thousand of its bytes, are skipped unread.

const WIRE = { varint: 0, eight: 1, bytes: 2, four: 5 } // the kinds of a protocol buffer's fields
const METADATA = 14 // ModelProto.metadata_props, entries {1: key, 2: value}
const DAMAGED = "The model's file is damaged."

function varint(bytes, at) {
  let value = 0
  for (let place = 1; ; place *= 128, at += 1) { // not by shifts: a length may pass 2 ** 31
    if (at >= bytes.length || place > 2 ** 49) throw new Error(DAMAGED)
    value += (bytes[at] & 127) * place
    if (bytes[at] < 128) return [value, at + 1]
  }
}

/** Yield [number, content] of the fields of a message whose content is bytes. */
function* fields(bytes) {
  for (let at = 0; at < bytes.length;) {
    let key, length = 0
    ;[key, at] = varint(bytes, at)
    const wire = key % 8
    if (wire === WIRE.varint) [, at] = varint(bytes, at)
    else if (wire === WIRE.eight) at += 8
    else if (wire === WIRE.four) at += 4
    else if (wire === WIRE.bytes) {
      [length, at] = varint(bytes, at)
      if (at + length > bytes.length) throw new Error(DAMAGED)
      yield [Math.floor(key / 8), bytes.subarray(at, at + length)]
      at += length
    } else throw new Error(DAMAGED)
  }
}

/** Return the metadata of an ONNX file, text by name. bytes: Uint8Array. */
export function readMetadata(bytes) {
  const text = new TextDecoder(), found = {}
  for (const [number, content] of fields(bytes)) {
    if (number !== METADATA) continue
    const entry = Object.fromEntries([...fields(content)].map(([part, value]) => [part, text.decode(value)]))
    found[entry[1]] = entry[2] ?? ""
  }
  return found
}

const TYPES = { "|i1": Int8Array, "|u1": Uint8Array, "<i4": Int32Array, "<f4": Float32Array, "<f8": Float64Array }

/** Return what classifier/json_arrays.py packed, arrays as {shape, data}; of a type that is unknown here, as null. */
export function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack)
  if (value === null || typeof value !== "object") return value
  if (!("base64" in value && "dtype" in value && "shape" in value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpack(item)]))
  if (!(value.dtype in TYPES)) return null
  const bytes = Uint8Array.from(atob(value.base64), letter => letter.charCodeAt(0))
  return { shape: value.shape, data: new TYPES[value.dtype](bytes.buffer) }
}

// A heatmap in words, for people who hear the page: in which ninths of the photo the outlined part lies, and in which
// the strongest place against the label.

const SIDE = 60 // points a side, at which the heatmap is read
const OUTLINED = 0.2 // the share of the points that is outlined, as in the picture
const MOST = 0.5 // of the outlined part: what one ninth has to hold so that no second one is named
const TOLD = 0.25 // of the strongest cell: what speaks against a label has to reach it, to be mentioned
const PLACES = ["in the upper left", "at the top", "in the upper right", "on the left", "in the middle", "on the right",
                "in the lower left", "at the bottom", "in the lower right"]

/** Return the heatmap's value at each point of the photo, a row after another; not-a-number where it was not seen. */
function points({ shown: { values, width, height }, seen: [left, top, right, bottom] }, size) {
  const along = (i, length, start, end, n) => { // the two cells beside a point, and how far it is from the first
    const at = ((i + 0.5) / SIDE * length - start) / (end - start)
    const cell = Math.min(n - 1, Math.max(0, at * n - 0.5)), low = Math.floor(cell)
    return at >= 0 && at <= 1 ? [low, Math.min(n - 1, low + 1), cell - low] : null
  }
  return Float64Array.from({ length: SIDE * SIDE }, (_, i) => {
    const column = along(i % SIDE, size[0], left, right, width)
    const row = along(Math.floor(i / SIDE), size[1], top, bottom, height)
    if (!column || !row) return NaN
    const [[x0, x1, dx], [y0, y1, dy]] = [column, row]
    const at = (y, x) => values[y * width + x]
    return (1 - dy) * ((1 - dx) * at(y0, x0) + dx * at(y0, x1)) + dy * ((1 - dx) * at(y1, x0) + dx * at(y1, x1))
  })
}

const ninth = i => 3 * Math.floor(3 * Math.floor(i / SIDE) / SIDE) + Math.floor(3 * (i % SIDE) / SIDE)

/** Return [place, share] of the ninths that hold the outlined points, the largest share first. */
function outlined(values) {
  const sorted = values.filter(value => !Number.isNaN(value)).sort()
  const least = Math.max(0, sorted[Math.floor((1 - OUTLINED) * (sorted.length - 1))] ?? 0)
  const counts = new Map()
  values.forEach((value, i) => value > least && counts.set(ninth(i), (counts.get(ninth(i)) ?? 0) + 1))
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([place, count]) => [PLACES[place], count / all])
}

/** Return where a heatmap is for its label, and where against it. size: [width, height] of the photo. */
export function whereText(heatmap, size) {
  const values = points(heatmap, size), [first, second] = outlined(values), percent = share => Math.round(share * 100)
  if (!first) return "Nothing in this photo spoke for it."
  const also = first[1] < MOST && second ? `, and ${second[0]}, ${percent(second[1])}%` : ""
  const forIt = `What counted most lies ${first[0]}, ${percent(first[1])}% of the outlined part${also}.`
  let lowest = 0
  values.forEach((value, i) => value < values[lowest] || Number.isNaN(values[lowest]) ? lowest = i : 0)
  if (!(-values[lowest] >= TOLD * heatmap.largest)) return forIt
  return `${forIt} What spoke against it most lies ${PLACES[ninth(lowest)]}.`
}

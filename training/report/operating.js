// The slider of the report: what comes of acting alone on answers above a threshold. A row: see operating_page.row_of.
const groups = JSON.parse(document.getElementById("operating-data").textContent);
const [choice, slider, said, plot] = ["label", "slider", "said", "plot"].map((id) => document.getElementById("operating-" + id));
const WIDTH = 640, HEIGHT = 200, LEFT = 40, BOTTOM = 24;
const percent = (share) => (100 * share).toFixed(share > 0.99 && share < 1 ? 1 : 0) + "%";
const of100 = (share) => Math.round(100 * share);
const atLeast = (share) => Math.floor(100 * share + 1e-9); // one error in a thousand is not 100 of 100

function line(rows, value, cls) {
  const points = rows.filter((row) => value(row) !== null).map((row) => x(row[0]) + "," + y(value(row)));
  return `<polyline class="${cls}" points="${points.join(" ")}"/>`;
}
const x = (threshold) => LEFT + threshold * (WIDTH - LEFT - 20);
const y = (share) => 8 + (1 - share) * (HEIGHT - BOTTOM - 8);
const precision = (row) => (row[1] ? row[2] / row[1] : null);

function draw(rows, row) {
  const marks = [0, 0.25, 0.5, 0.75, 1];
  plot.innerHTML =
    marks.map((m) => `<text x="${LEFT - 6}" y="${y(m) + 4}" text-anchor="end">${of100(m)}%</text><line class="grid" x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(m)}" y2="${y(m)}"/>`).join("") +
    marks.map((m) => `<text x="${x(m)}" y="${HEIGHT - 6}" text-anchor="middle">${of100(m)}%</text>`).join("") +
    line(rows, precision, "precision") + line(rows, (r) => r[6], "recall") +
    `<line class="here" x1="${x(row[0])}" x2="${x(row[0])}" y1="8" y2="${HEIGHT - BOTTOM}"/>`;
}

function show() {
  const rows = groups[choice.value], row = rows[slider.value];
  const [threshold, n, right, low, high, asked] = row;
  const all = choice.selectedIndex === 0;
  const rest = all ? `, ${of100(asked)} of 100 photos go to a person` : `, ${of100(row[6])} of 100 photos that show it get it so`;
  const text = n
    ? `At ${percent(threshold)}: right ${atLeast(right / n)} of 100 (${atLeast(low)} to ${of100(high)}; ${right} of ${n})${rest}.`
    : `At ${percent(threshold)}: no answer is given alone.`;
  said.textContent = text;
  slider.setAttribute("aria-valuetext", text);
  draw(rows, row);
}

function choose() {
  const rows = groups[choice.value], was = slider.dataset.threshold ?? rows[slider.value][0];
  slider.max = rows.length - 1;
  const at = rows.findIndex((row) => row[0] >= was);
  slider.value = at < 0 ? rows.length - 1 : at;
  show();
}

for (const name of Object.keys(groups)) choice.add(new Option(name));
slider.max = groups[choice.value].length - 1;
slider.value = slider.dataset.start;
choice.addEventListener("input", choose);
slider.addEventListener("input", () => {
  slider.dataset.threshold = groups[choice.value][slider.value][0];
  show();
});
show();

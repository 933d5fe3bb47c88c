// The marks of the map's points: a colour and a form for each kind, so that neither is needed alone.
const mapMarks = (() => {
  const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#f0e442"]; // Okabe and Ito
  const GREY = "#8a8f98";
  const sides = (n, turn, r) => Array.from({ length: n }, (_, i) => {
    const angle = turn + (2 * Math.PI * i) / n;
    return [r * Math.cos(angle), r * Math.sin(angle)];
  });
  const bars = (turn, r) => sides(12, turn, r).map(([x, y], i) => (i % 3 === 2 ? [x * 0.45, y * 0.45] : [x, y]));
  const SHAPES = {
    circle: null, square: (r) => sides(4, Math.PI / 4, r * 1.15), triangle: (r) => sides(3, -Math.PI / 2, r * 1.3),
    diamond: (r) => sides(4, 0, r * 1.25), down: (r) => sides(3, Math.PI / 2, r * 1.3),
    cross: (r) => bars(0.55, r * 1.25),
  };

  // a mark of a category, drawn once and copied to each of its points
  function sprite({ colour, shape }, r, ratio, chosen) {
    const half = Math.ceil((r * 1.4 + (chosen ? 4 : 1.5)) * ratio), picture = document.createElement("canvas");
    picture.width = picture.height = 2 * half;
    const at = picture.getContext("2d"), dark = Boolean(document.querySelector(".dark"));
    at.translate(half, half);
    at.scale(ratio, ratio);
    at.beginPath();
    if (SHAPES[shape]) SHAPES[shape](r).forEach(([x, y]) => at.lineTo(x, y));
    else at.arc(0, 0, r, 0, 2 * Math.PI);
    at.closePath();
    at.lineJoin = "round";
    if (chosen) {
      at.lineWidth = 4.5; at.strokeStyle = dark ? "#fff" : "#111"; at.stroke();
    }
    at.lineWidth = 1.4; at.strokeStyle = dark ? "rgb(255 255 255 / 55%)" : "rgb(0 0 0 / 55%)"; at.stroke();
    at.fillStyle = colour;
    at.fill();
    return picture;
  }

  // a mark's pixels, to be stamped: without a GPU, 10,000 calls of drawImage take several times as long
  function pixels(picture) {
    const { width } = picture, { data } = picture.getContext("2d").getImageData(0, 0, width, width);
    return { width, half: width / 2, data: new Uint32Array(data.buffer) };
  }

  function stamp(to, width, height, mark, left, top) {
    for (let row = Math.max(0, -top); row < mark.width && top + row < height; row++) {
      const from = row * mark.width, line = (top + row) * width;
      for (let column = Math.max(0, -left); column < mark.width && left + column < width; column++) {
        const dot = mark.data[from + column];
        if (dot >>> 24 > 127) to[line + left + column] = dot;
      }
    }
  }

  // whether a point is within a polygon: a ray from it crosses the sides an odd number of times
  function inPolygon(x, y, polygon) {
    let odd = false;
    for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
      const [ax, ay] = polygon[a], [bx, by] = polygon[b];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
    return odd;
  }

  return { sprite, pixels, stamp, inPolygon, COLOURS, GREY, SHAPES: Object.keys(SHAPES) };
})();


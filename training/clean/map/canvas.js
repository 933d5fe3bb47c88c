// A canvas of thousands of points: pan, zoom, lasso, and the point under the pointer. map.js says what the points are.
const mapCanvas = (() => {
  const CELLS = 64; // of the grid in which points are looked up, on each side
  const TAP = 6, REACH = 12; // pixels: moved less is a tap; a point is found so far from the pointer
  function create(canvas, over, on) {
    let xs = [], ys = [], category = [], styles = [], hidden = new Set(), chosen = new Uint8Array(0), order = [];
    let view = { scale: 1, x: 0, y: 0 }, fitted = 1, size = [1, 1], ratio = 1, grid = [], hover = -1, wanted = 0;
    let made = {}, lassoing = false, path = null, start = null, pinch = null;
    const down = new Map();
    const clamp = (v) => Math.min(CELLS - 1, Math.max(0, Math.floor(v * CELLS)));
    const at = (i) => [xs[i] * view.scale + view.x, ys[i] * view.scale + view.y];
    const shown = (i) => !hidden.has(category[i]);
    const inView = ([x, y]) => x >= 0 && y >= 0 && x <= size[0] && y <= size[1];
    const base = () => (xs.length > 3000 ? 3.2 : xs.length > 400 ? 4.5 : 6) * Math.max(0.65, Math.min(1, fitted / 700));
    const radius = () => base() * Math.min(2.2, Math.sqrt(Math.max(1, view.scale / fitted)));

    // marks are drawn anew only where something about them has changed
    function marksNow() {
      const r = Math.round(4 * radius()) / 4, dark = Boolean(document.querySelector(".dark"));
      const key = JSON.stringify([r, ratio, dark, styles]);
      if (made.key !== key) {
        const mark = (style, picked) => mapMarks.pixels(mapMarks.sprite(style, r, ratio, picked));
        made = { key, marks: [0, 1].map((picked) => styles.map((style) => mark(style, picked))) };
      }
      return made.marks;
    }

    function draw() {
      wanted = 0;
      const to = canvas.getContext("2d"), marks = marksNow();
      const { scale, x, y } = view, [width, height] = size, edge = 12;
      const all = new ImageData(canvas.width, canvas.height), dots = new Uint32Array(all.data.buffer);
      for (const picked of [0, 1]) {
        for (const i of order) {
          if (chosen[i] !== picked) continue;
          const c = category[i], px = xs[i] * scale + x, py = ys[i] * scale + y;
          if (px < -edge || py < -edge || px > width + edge || py > height + edge || hidden.has(c)) continue;
          const mark = marks[picked][c], left = Math.round(px * ratio - mark.half);
          mapMarks.stamp(dots, all.width, all.height, mark, left, Math.round(py * ratio - mark.half));
        }
      }
      to.putImageData(all, 0, 0);
      drawOver();
    }

    function drawOver() {
      const to = over.getContext("2d");
      to.setTransform(ratio, 0, 0, ratio, 0, 0);
      to.clearRect(0, 0, ...size);
      [to.strokeStyle, to.lineWidth] = [getComputedStyle(over).color, 2];
      if (path) {
        to.beginPath();
        path.forEach((point) => to.lineTo(...point));
        to.closePath();
        to.fillStyle = "rgb(86 180 233 / 18%)";
        to.fill();
        to.stroke();
      }
      if (hover < 0 || !shown(hover)) return;
      to.beginPath();
      to.arc(...at(hover), radius() + 5, 0, 2 * Math.PI);
      to.stroke();
    }

    const later = () => { wanted ||= requestAnimationFrame(draw); };

    function resize() {
      const box = canvas.parentElement.getBoundingClientRect(), before = view.scale / fitted;
      const [cx, cy] = [view.x, view.y].map((from, axis) => (size[axis] / 2 - from) / view.scale); // the middle stays
      ratio = Math.min(3, devicePixelRatio || 1);
      size = [Math.max(1, box.width), Math.max(1, box.height)];
      for (const one of [canvas, over]) [one.width, one.height] = size.map((side) => Math.round(side * ratio));
      fitted = Math.max(40, Math.min(...size) - 24);
      view.scale = before * fitted;
      [view.x, view.y] = [size[0] / 2 - cx * view.scale, size[1] / 2 - cy * view.scale];
      later();
    }

    function fit() {
      view = { scale: fitted, x: (size[0] - fitted) / 2, y: (size[1] - fitted) / 2 };
      later();
    }

    function zoom(by, [x, y] = [size[0] / 2, size[1] / 2]) {
      const scale = Math.min(60 * fitted, Math.max(0.5 * fitted, view.scale * by)), real = scale / view.scale;
      view = { scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
      later();
    }

    function pan(dx, dy) {
      view = { ...view, x: view.x + dx, y: view.y + dy };
      later();
    }

    function index() {
      grid = Array.from({ length: CELLS * CELLS }, () => []);
      for (let i = 0; i < xs.length; i++) grid[clamp(ys[i]) * CELLS + clamp(xs[i])].push(i);
    }

    // the nearest point within reach, -1 for none: only cells around the pointer are looked at
    function nearest([px, py]) {
      const [x, y] = [(px - view.x) / view.scale, (py - view.y) / view.scale];
      const d = Math.max(REACH, radius() + 4) / view.scale;
      let found = -1, best = d * d;
      for (let row = clamp(y - d); row <= clamp(y + d); row++) {
        for (let column = clamp(x - d); column <= clamp(x + d); column++) {
          for (const i of grid[row * CELLS + column]) {
            const far = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
            if (far < best && shown(i)) [found, best] = [i, far];
          }
        }
      }
      return found;
    }

    function inside(polygon) {
      const drawn = polygon.map(([x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale]);
      const low = Math.min(...drawn.map((p) => p[0])), high = Math.max(...drawn.map((p) => p[0]));
      const near = (i) => xs[i] >= low && xs[i] <= high && shown(i);
      return order.filter((i) => near(i) && mapMarks.inPolygon(xs[i], ys[i], drawn));
    }

    const place = (event) => [event.offsetX, event.offsetY];
    const two = () => [...down.values()].slice(0, 2);
    const between = ([[ax, ay], [bx, by]]) =>
      ({ far: Math.hypot(ax - bx, ay - by) || 1, middle: [(ax + bx) / 2, (ay + by) / 2] });
    const adds = (event) => event.shiftKey || event.ctrlKey || event.metaKey;

    over.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      over.setPointerCapture?.(event.pointerId);
      down.set(event.pointerId, place(event));
      if (down.size === 2) [pinch, path, start] = [between(two()), null, null];
      else if (down.size === 1) {
        start = { at: place(event), moved: false };
        if (lassoing || event.shiftKey) path = [place(event)];
      }
    });
    over.addEventListener("pointermove", (event) => {
      const now = place(event), before = down.get(event.pointerId);
      if (!before) {
        const found = nearest(now);
        if (found !== hover) { hover = found; drawOver(); on.hover(found); }
        return;
      }
      down.set(event.pointerId, now);
      if (pinch && down.size > 1) {
        const next = between(two());
        pan(next.middle[0] - pinch.middle[0], next.middle[1] - pinch.middle[1]);
        zoom(next.far / pinch.far, next.middle);
        pinch = next;
      } else if (start) {
        start.moved ||= Math.hypot(now[0] - start.at[0], now[1] - start.at[1]) > TAP;
        if (path) {
          const last = path.at(-1);
          if (Math.hypot(now[0] - last[0], now[1] - last[1]) > 3) { path.push(now); drawOver(); }
        } else if (start.moved) pan(now[0] - before[0], now[1] - before[1]);
      }
    });
    const up = (event) => {
      if (!down.delete(event.pointerId)) return;
      const [began, drawn] = [start, path];
      if (!down.size) [start, path, pinch] = [null, null, null];
      if (event.type === "pointercancel" || !began) return drawOver();
      if (began.moved && drawn?.length > 2) on.lasso(inside(drawn), adds(event));
      else if (!began.moved) {
        hover = nearest(place(event));
        on.tap(hover, adds(event));
      }
      drawOver();
    };
    for (const name of ["pointerup", "pointercancel"]) over.addEventListener(name, up);
    over.addEventListener("pointerleave", () => { if (!down.size) on.hover(-1); });
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), place(event));
    }, { passive: false });
    new ResizeObserver(resize).observe(canvas.parentElement);

    const self = {
      at, zoom, pan, fit, draw,
      points(newXs, newYs) {
        [xs, ys, chosen] = [Float32Array.from(newXs), Float32Array.from(newYs), new Uint8Array(newXs.length)];
        hover = -1;
        [index, resize, fit].forEach((step) => step());
      },
      colour(newCategory, newStyles, newOrder) {
        [category, styles, order] = [newCategory, newStyles, newOrder];
        later();
      },
      hide(categories) { hidden = categories; later(); },
      choose(list) { chosen.fill(0); list.forEach((i) => { chosen[i] = 1; }); later(); },
      lassoing(value) { lassoing = value; },
      inSight: () => order.filter((i) => shown(i) && inView(at(i))),
    };
    return self;
  }

  return { create };
})();

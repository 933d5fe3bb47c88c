// What the points of the map can be coloured by: each gives kinds of photos, with a mark and a count, for the legend.
const mapColours = (() => {
  const N_KINDS = 41; // so many labels have a mark of their own; the rarest share one
  const { COLOURS, GREY, SHAPES } = mapMarks;
  const mark = (i) => ({ colour: COLOURS[i % COLOURS.length], shape: SHAPES[i % SHAPES.length] });
  const none = { colour: GREY, shape: "circle" };

  // kinds by a text of each photo, the most frequent first
  function byText(photos, texts, column) {
    const counts = new Map();
    for (const text of photos[column]) counts.set(text, (counts.get(text) || 0) + 1);
    const unlabelled = column === "label" ? new Set(photos.label.filter((_, i) => photos.rank[i] < 0)) : new Set();
    const names = [...counts.keys()].filter((text) => !unlabelled.has(text));
    names.sort((a, b) => counts.get(b) - counts.get(a) || (texts[a] < texts[b] ? -1 : 1));
    const own = names.slice(0, N_KINDS), rest = names.slice(N_KINDS);
    const kinds = own.map((text, i) => ({ name: texts[text], ...mark(i) }));
    const of = new Map(own.map((text, i) => [text, i]));
    if (rest.length) kinds.push({ name: `${rest.length} others`, ...none });
    rest.forEach((text) => of.set(text, own.length));
    for (const text of unlabelled) {
      of.set(text, kinds.length);
      kinds.push({ name: texts[text], colour: GREY, shape: "diamond", below: true });
    }
    return { kinds, category: Uint16Array.from(photos[column], (text) => of.get(text)) };
  }

  const ERRORS = [ // the share of the photos that are more suspicious, and the mark
    [0.01, "The 1% most suspicious", "#d55e00", "triangle"], [0.05, "Next 4%", "#e69f00", "square"],
    [0.2, "Next 15%", "#56b4e9", "diamond"], [2, "The rest", GREY, "circle"],
  ];

  function byError(photos) {
    const kinds = ERRORS.map(([, name, colour, shape]) => ({ name, colour, shape }));
    kinds.push({ name: "No label yet", colour: "#cc79a7", shape: "cross" });
    kinds[3].below = true;
    const kind = (rank) => (rank < 0 ? 4 : ERRORS.findIndex(([share]) => rank < share));
    return { kinds, category: Uint16Array.from(photos.rank, kind) };
  }

  function byDecision(photos, several) {
    const change = several ? "To relabel" : "To move";
    const names = { delete: "To delete", label: change, keep: "To keep", "": "Not decided" };
    const marks = { delete: ["#d55e00", "cross"], label: ["#e69f00", "triangle"], keep: ["#009e73", "square"] };
    const actions = Object.keys(names);
    const kinds = actions.map((action) => {
      const [colour, shape] = marks[action] || [GREY, "circle"];
      return { name: names[action], colour, shape, below: !action };
    });
    return { kinds, category: Uint16Array.from(photos.action, (action) => actions.indexOf(action)) };
  }

  // kinds with counts, the kind of each photo, and the order to draw in: what matters most comes last, on top
  function of(mode, { photos, texts, several }) {
    const found = mode === "error" ? byError(photos)
      : mode === "decision" ? byDecision(photos, several) : byText(photos, texts, mode);
    const { kinds, category } = found, layers = [[], []];
    kinds.forEach((kind) => { kind.n = 0; });
    category.forEach((c, i) => { kinds[c].n += 1; layers[kinds[c].below ? 0 : 1].push(i); });
    return { kinds, category, order: layers.flatMap((layer) => layer.reverse()) }; // the most suspicious come first
  }

  return { of };
})();

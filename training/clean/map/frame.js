// The frame of the map's dialog, and the box that tells about one photo.
const mapFrame = (() => {
  const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);
  const MARKUP = `<div class="bar"><h2>Map</h2><label><span>Colour by </span><select class="by" aria-label="Colour by">
    <option value="label">label</option><option value="says">what the model says</option>
    <option value="error">suspicion</option><option value="decision">decision</option></select></label>
    <span class="switch" role="group" aria-label="What dragging does"><button data-mode="move" aria-pressed="true"
    title="Drag moves the map; hold Shift to draw a lasso">Move</button><button data-mode="lasso" aria-pressed="false"
    title="Drag draws around photos (L)">Lasso</button></span>
    <span class="zoom"><button data-zoom="1.5" aria-label="Zoom in">+</button><button data-zoom="0.667"
    aria-label="Zoom out">\u2212</button><button data-fit title="The whole map (0)">Fit</button></span>
    <button data-close-map>Close</button></div>
    <div class="place"><canvas class="points"></canvas><canvas class="over" tabindex="0" role="application"
    aria-label="Map of all photos. Arrows move it, plus and minus zoom, V selects all in sight, K keeps what is
    selected, D deletes it, Backspace forgets the decision, Escape unselects."></canvas>
    <p class="status" role="status"></p>
    <div class="tip" hidden></div></div>
    <div class="side"><details class="kinds" open><summary>Legend</summary><div class="legend"></div>
    <button data-in-sight title="All that are shown now (V)">Select all in sight</button></details>
    <div class="chosen"><p class="n"></p><p class="said" role="status"></p><div class="strip"></div>
    <p class="acts"><button data-all="keep">Keep</button><button data-all="delete">Delete</button>
    <button data-all="" title="Forget what was decided">Clear</button><button data-unselect>Unselect</button></p>
    <p class="acts label"><input aria-label="Label" list="map-labels" placeholder="Label \u2026" autocomplete="off">
    <datalist id="map-labels"></datalist></p></div></div>`;

  function create() {
    const dialog = make("dialog", { id: "photo-map", innerHTML: MARKUP });
    dialog.setAttribute("aria-label", "Map of all photos");
    say(dialog, "placing", "");
    return dialog;
  }

  // what the map is at: until it is ready, its controls are not shown
  function say(dialog, state, text) {
    dialog.dataset.state = state;
    dialog.querySelector(".status").textContent = text;
  }

  // fill the box about a photo, and put it beside its point; names are text
  function tell(tip, { id, title, name, said }, [x, y], button) {
    const link = make("a", { href: `photo/${id}`, target: "_blank", title: "Open it in full" });
    link.append(make("img", { src: `thumb/${id}`, alt: "" }));
    tip.replaceChildren(link, make("b", { textContent: title }), make("span", { textContent: name }),
      make("span", { textContent: said.filter(Boolean).join(" \u00b7 ") }));
    if (button) tip.append(make("button", button));
    tip.hidden = false;
    tip.classList.toggle("fixed", Boolean(button));
    const box = tip.parentElement.getBoundingClientRect(), [w, h] = [tip.offsetWidth, tip.offsetHeight];
    const left = x + 14 + w > box.width ? x - w - 14 : x + 14;
    tip.style.left = `${Math.max(4, Math.min(box.width - w - 4, left))}px`;
    tip.style.top = `${Math.max(4, Math.min(box.height - h - 4, y - h / 2))}px`;
  }

  function thumbnails(photos, list, most, labelOf) {
    const found = list.slice(0, most).map((i) => make("img", {
      src: `thumb/${photos.id[i]}`, alt: photos.name[i], title: `${photos.name[i]}: ${labelOf(i)}`, loading: "lazy",
    }));
    const rest = list.length - most;
    return rest > 0 ? [...found, make("span", { textContent: `and ${rest} more` })] : found;
  }

  function legend(kinds, hidden) {
    return kinds.map((kind, i) => {
      const entry = make("button", { title: "Show or hide", hidden: !kind.n });
      entry.dataset.kind = i;
      entry.setAttribute("aria-pressed", !hidden.has(i));
      const name = make("span", { textContent: kind.name }), n = make("b", { textContent: kind.n });
      entry.append(mapMarks.sprite(kind, 6, 1), name, n);
      return entry;
    });
  }

  function labelButtons(several) {
    const buttons = several ? [["add", "Add label"], ["remove", "Remove"]] : [["label", "Give label"]];
    return buttons.map(([action, text]) => {
      const button = make("button", { textContent: text });
      button.dataset.all = action;
      return button;
    });
  }

  const ask = async (address, options) => {
    const answer = await fetch(address, options).catch(() => null);
    const found = await answer?.json().catch(() => null);
    if (answer?.ok && found) return found;
    const lost = "The cleaner does not answer. Is it still running?";
    throw new Error(typeof found?.detail === "string" ? found.detail : lost);
  };

  return { ask, create, say, tell, thumbnails, legend, labelButtons };
})();


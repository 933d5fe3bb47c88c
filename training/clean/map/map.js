// The map of all photos: a dialog with a canvas, a legend, and one decision about all photos that are selected.
(() => {
  const N_SHOWN = 60; // thumbnails of selected photos
  const dialog = mapFrame.create(), { ask } = mapFrame;
  const one = (selector) => dialog.querySelector(selector);
  const all = (selector) => [...dialog.querySelectorAll(selector)];
  let data = null, hidden = new Set(), selected = new Set(), opened = 0, pinned = -1, sending = false;
  const map = mapCanvas.create(one(".points"), one(".over"), { hover, tap, lasso });

  async function open() {
    const turn = ++opened;
    if (!dialog.open) dialog.showModal();
    one(".over").focus();
    one(".kinds").open = matchMedia("(min-width: 800px)").matches;
    try {
      for (let first = true; ; first = false) {
        const found = await ask(`map${first ? "?opened=1" : ""}`);
        if (turn !== opened || !dialog.open) return;
        mapFrame.say(dialog, found.state, found.text);
        if (found.state !== "placing") return found.state === "ready" && show(found);
        await new Promise((go) => setTimeout(go, 700));
      }
    } catch (error) {
      mapFrame.say(dialog, "failed", error.message);
    }
  }

  function show(found) {
    const before = new Set([...selected].map((i) => data.photos.id[i]));
    data = found;
    map.points(data.photos.x, data.photos.y);
    colour();
    nameLabels();
    select(data.photos.id.flatMap((id, i) => (before.has(id) ? [i] : [])));
  }

  function nameLabels() {
    all(".acts.label button").forEach((button) => button.remove());
    one(".acts.label").append(...mapFrame.labelButtons(data.several));
    one("#map-labels").replaceChildren(...data.labels.map((label) => new Option(label, label)));
    allow();
  }

  function colour(keep = false) {
    const found = mapColours.of(one(".by").value, data);
    if (!keep) hidden = new Set();
    map.colour(found.category, found.kinds, found.order);
    map.hide(hidden);
    one(".legend").replaceChildren(...mapFrame.legend(found.kinds, hidden));
  }

  function select(list) {
    selected = new Set(list);
    map.choose(list);
    const n = list.length;
    one(".chosen").classList.toggle("none", !n);
    one(".said").textContent = "";
    one(".n").textContent = n ? `${n} photo${n > 1 ? "s" : ""} selected` : "Draw a lasso around photos, or tap one.";
    one(".strip").replaceChildren(...mapFrame.thumbnails(data.photos, list, N_SHOWN, labelOf));
    allow();
  }

  const given = () => one(".acts.label input").value.trim();
  const isNew = () => Boolean(data && given()) && !data.labels.includes(given());

  function allow() {
    all("[data-all], [data-unselect]").forEach((button) => {
      const labels = button.closest(".label");
      button.disabled = !selected.size || sending || Boolean(labels && !given());
      if (labels) button.classList.toggle("new", isNew() && button.dataset.all !== "remove");
    });
  }

  const labelOf = (i) => data.texts[data.photos.label[i]];

  function tell(i, fixed) {
    const { photos, texts } = data, loss = photos.loss[i] === null ? "" : `loss ${photos.loss[i]}`;
    const decided = { keep: "to keep", delete: "to delete", label: `\u2192 ${toWords(i)}` }[photos.action[i]];
    const told = { id: photos.id[i], title: labelOf(i), name: photos.name[i] };
    const onclick = () => { toggle(i); tell(i, true); };
    const button = fixed && { textContent: selected.has(i) ? "Unselect" : "Select", onclick };
    const said = [`the model says ${texts[photos.says[i]]}`, loss, decided];
    mapFrame.tell(one(".tip"), { ...told, said }, map.at(i), button);
  }

  const toWords = (i) => (data.several ? chips.inWords : String)(data.texts[data.photos.to[i]]);
  const untell = () => { pinned = -1; one(".tip").hidden = true; };

  function hover(i) {
    if (pinned < 0 && i >= 0) tell(i, false);
    else if (pinned < 0) untell();
  }

  function tap(i, adds) {
    if (i < 0 || adds) return i < 0 ? untell() : toggle(i);
    pinned = i;
    tell(i, true);
  }

  function toggle(i) {
    select(selected.has(i) ? [...selected].filter((other) => other !== i) : [...selected, i]);
  }

  function lasso(found, adds) {
    untell();
    select(adds ? [...new Set([...selected, ...found])] : found);
  }

  async function decide(action) {
    const list = [...selected], labels = ["label", "add", "remove"].includes(action);
    if (!list.length || sending || (labels && !given())) return;
    sending = true;
    allow();
    one(".said").textContent = "Saving \u2026";
    const shown = data.several ? list.map((i) => data.photos.own[i]) : null;
    const ids = list.map((i) => data.photos.id[i]), label = labels ? given() : "";
    const body = JSON.stringify({ ids, action, label, shown, new: labels && isNew() });
    const headers = { "Content-Type": "application/json" };
    try {
      took(await ask("choose-all", { method: "POST", headers, body }));
    } catch (error) {
      one(".said").textContent = `Not saved: ${error.message}`;
    }
    sending = false;
    allow();
  }

  function took({ decisions, labels, counts }) {
    const row = new Map(data.photos.id.map((id, i) => [id, i]));
    const number = new Map(data.texts.map((text, i) => [text, i]));
    for (const [id, action, label] of decisions) {
      if (!number.has(label)) number.set(label, data.texts.push(label) - 1);
      data.photos.action[row.get(id)] = action;
      data.photos.to[row.get(id)] = number.get(label);
      fieldguide.marked(id, { action, label });
    }
    fieldguide.say(counts);
    one(".said").textContent = `Saved for ${decisions.length}: ${counts}. Apply, on the page, changes the files.`;
    data.labels = labels;
    nameLabels();
    colour(true);
    untell();
  }

  function mode(name) {
    map.lassoing(name === "lasso");
    all("[data-mode]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.mode === name));
    dialog.classList.toggle("lassoing", name === "lasso");
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#open-map")) return open();
    const button = event.target.closest("#photo-map button");
    if (!button || !data && !("closeMap" in button.dataset)) return;
    const { all: action, mode: chosen, zoom, kind } = button.dataset;
    if ("closeMap" in button.dataset) dialog.close();
    else if (action !== undefined) decide(action);
    else if (chosen) mode(chosen);
    else if (zoom) map.zoom(Number(zoom));
    else if ("fit" in button.dataset) map.fit();
    else if ("unselect" in button.dataset) select([]);
    else if ("inSight" in button.dataset) select(map.inSight());
    else if (kind) {
      if (!hidden.delete(Number(kind))) hidden.add(Number(kind));
      button.setAttribute("aria-pressed", !hidden.has(Number(kind)));
      map.hide(hidden);
    }
    untell();
  });
  one(".by").addEventListener("change", () => data && colour());
  one(".acts.label input").addEventListener("input", allow);

  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // keys of the grid decide about the photo behind: not while this is open
    if (event.ctrlKey || event.metaKey || event.altKey || !data) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Escape" && (selected.size || pinned >= 0)) {
      event.preventDefault();
      untell();
      return select([]);
    }
    if (/^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const acts = {
      k: () => decide("keep"), d: () => decide("delete"), Backspace: () => decide(""), "+": () => map.zoom(1.5),
      "-": () => map.zoom(1 / 1.5), 0: () => map.fit(), l: () => mode(dialog.matches(".lassoing") ? "move" : "lasso"),
      v: () => select(map.inSight()), ArrowLeft: () => map.pan(60, 0), ArrowRight: () => map.pan(-60, 0),
      ArrowUp: () => map.pan(0, 60), ArrowDown: () => map.pan(0, -60),
    };
    if (!acts[key]) return;
    untell();
    acts[key]();
    event.preventDefault();
  });
  dialog.addEventListener("close", () => { opened += 1; untell(); });

  const ready = () => document.body.append(dialog);
  if (document.body) ready();
  else document.addEventListener("DOMContentLoaded", ready);
  window.fieldguide.map = { ...map, data: () => data }; // for tests and benchmarks
})();

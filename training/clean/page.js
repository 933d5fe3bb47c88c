// The grid of training.clean: one decision is one POST, and what the server says is what the page shows.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const cards = () => all("#grid .card");
  let current = null; // the id of the card that keys act on
  let wanted = null;  // where to begin on the next page: "first" or "last"

  const cardOf = (id) => cards().find((card) => card.dataset.id === id);
  const labels = () => all("#grid select:first-of-type option", cards()[0]?.parentNode).length
    ? all("option", one("#grid .card select")).map((option) => option.value) : [];

  function focusOn(card, scroll = true) {
    if (!card) return;
    all("#grid .card[tabindex='0']").forEach((other) => { other.tabIndex = -1; });
    card.tabIndex = 0;
    current = card.dataset.id;
    card.focus({ preventScroll: true });
    if (scroll) card.scrollIntoView({ block: "nearest" });
    if (dialog.open && dialog.dataset.id !== current) look(current);
  }

  function say(text) {
    const box = one("#counts");
    if (box) box.textContent = text;
  }

  async function choose(id, action, label = "") {
    const card = cardOf(id);
    try {
      const answer = await fetch("choose", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id, action, label }),
      });
      const said = await answer.json();
      if (!answer.ok) throw new Error(typeof said.detail === "string" ? said.detail : "This was not understood.");
      if (card) show(card, said);
      if (dialog.open && dialog.dataset.id === id) mark(said);
      say(said.counts);
    } catch (error) {
      const lost = error instanceof TypeError;
      say(`Not saved: ${lost ? "the cleaner does not answer. Is it still running?" : error.message}`);
      if (card) show(card, { action: card.dataset.action, label: one("select", card).dataset.was || "" });
    }
  }

  function show(card, { action, label }) {
    card.dataset.action = action;
    one(".to", card).textContent = `\u2192 ${label}`;
    one("select", card).value = label || card.dataset.own;
    one("select", card).dataset.was = label;
  }

  // the big view
  const dialog = document.createElement("dialog");
  dialog.id = "closer";
  dialog.innerHTML = `<div class="frame"><img alt=""><div class="told"><h2></h2><p class="what"></p><p class="reason"></p>
    <div class="bars"></div><p class="decided"></p><p class="acts"><button data-do="keep">Keep</button>
    <button data-do="delete">Delete</button><select aria-label="Label"></select></p>
    <p class="steps"><button data-step="-1">\u2039 Previous</button><button data-step="1">Next \u203a</button>
    <button data-close>Close</button></p></div></div>`;

  async function look(id) {
    dialog.dataset.id = id;
    const card = cardOf(id);
    one("img", dialog).src = `photo/${id}`;
    one("select", dialog).innerHTML = one("select", card).innerHTML;
    if (!dialog.open) dialog.showModal();
    const answer = await fetch(`about/${id}`).catch(() => null);
    if (!answer?.ok || dialog.dataset.id !== id) return;
    const told = await answer.json();
    one("h2", dialog).textContent = told.title;
    dialog.classList.toggle("suggested", told.suggested);
    one(".what", dialog).textContent = [told.name, told.split && `in ${told.split}`, told.loss,
      told.suggested ? "" : told.suspicion > 99 ? "the most suspicious" : `more suspicious than ${told.suspicion}% of the photos`].filter(Boolean).join(" \u00b7 ");
    one(".reason", dialog).textContent = told.reason || "Nothing speaks against its label.";
    one(".bars", dialog).replaceChildren(...told.probabilities.map(({ label, share, said }) => {
      const row = document.createElement("div");
      const fill = document.createElement("i");
      fill.style.width = `${100 * share}%`;
      const name = document.createElement("span");
      name.textContent = label;
      const figure = document.createElement("b");
      figure.textContent = said;
      row.append(fill, name, figure);
      return row;
    }));
    mark({ action: told.action, label: told.to });
  }

  function mark({ action, label }) {
    dialog.dataset.action = action;
    one("select", dialog).value = label || cardOf(dialog.dataset.id)?.dataset.own;
    one(".decided", dialog).textContent = { keep: "To keep", delete: "To delete", label: `To move to ${label}` }[action]
      || "Not decided";
  }

  function step(by) {
    const list = cards();
    const at = list.findIndex((card) => card.dataset.id === current);
    if (at < 0) return focusOn(list[0]);
    if (list[at + by]) return focusOn(list[at + by]);
    const button = one(by > 0 ? "#next" : "#previous");
    if (Math.abs(by) === 1 && button && !button.disabled) {
      wanted = by > 0 ? "first" : "last";
      button.click();
    }
  }

  function columns() {
    const list = cards();
    const top = list[0]?.offsetTop;
    return list.filter((card) => card.offsetTop === top).length || 1;
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    const card = target.closest("#grid .card");
    const id = card?.dataset.id || (target.closest("#closer") && dialog.dataset.id);
    if (target === dialog || target.closest("[data-close]")) return dialog.close();
    const stepping = target.closest("#closer [data-step]");
    if (stepping) return step(Number(stepping.dataset.step));
    if (card) focusOn(card, false);
    const doing = target.closest("[data-do]");
    if (id && doing) {
      const now = (card || dialog).dataset.action; // a second tap takes it back
      return choose(id, now === doing.dataset.do ? "" : doing.dataset.do);
    }
    if (card && target.closest(".look")) look(id);
  });

  document.addEventListener("change", (event) => {
    const inDialog = event.target.closest("#closer");
    const card = event.target.closest("#grid .card");
    if (!(inDialog || card) || event.target.tagName !== "SELECT") return;
    choose(inDialog ? dialog.dataset.id : card.dataset.id, "label", event.target.value);
    event.target.blur();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const id = current && cardOf(current) ? current : cards()[0]?.dataset.id;
    if (!id) return;
    const acts = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1),
      ArrowDown: () => step(dialog.open ? 1 : columns()), ArrowUp: () => step(dialog.open ? -1 : -columns()),
      k: () => choose(id, "keep"), d: () => choose(id, "delete"), Backspace: () => choose(id, ""),
      Enter: () => (event.target.closest("button") && !event.target.closest(".look") ? null : look(id)),
    };
    const label = /^[1-9]$/.test(key) && labels()[Number(key) - 1];
    if (label) choose(id, "label", label);
    else if (acts[key]) {
      if (acts[key]() === null) return;
    } else return;
    if (!key.startsWith("Arrow") || current !== id) focusOn(cardOf(current) || cardOf(id));
    event.preventDefault();
  });

  // a photo that went away since says so
  document.addEventListener("error", (event) => {
    const card = event.target.tagName === "IMG" && event.target.closest("#grid .card");
    if (card) card.classList.add("gone");
  }, true);

  let known = null;
  new MutationObserver(() => {
    const grid = one("#grid");
    if (!grid || grid.firstElementChild === known) return;
    known = grid.firstElementChild;
    const list = cards();
    if (wanted) {
      focusOn(wanted === "first" ? list[0] : list.at(-1));
      wanted = null;
    } else {
      const card = cardOf(current) || list[0];
      if (card) { card.tabIndex = 0; current = card.dataset.id; }
    }
  }).observe(document, { childList: true, subtree: true });

  const ready = () => document.body.append(dialog);
  if (document.body) ready();
  else document.addEventListener("DOMContentLoaded", ready);
  window.fieldguide = { toTop: () => one("#bar")?.scrollIntoView({ block: "start" }) };
})();

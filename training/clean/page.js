// The grid of training.clean: one decision is one POST, and what the server says is what the page shows.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const cards = () => all("#grid .card");
  let current = null; // the id of the card that keys act on
  let wanted = null;  // where to begin on the next page: "first" or "last"

  const cardOf = (id) => cards().find((card) => card.dataset.id === id);
  const labels = () => all("#photos .legend [data-label]").map((name) => name.dataset.label); // those with a key
  let queue = Promise.resolve(); // decisions reach the server in the order they were made in

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

  function choose(id, action, label = "") {
    queue = queue.then(() => send(id, action, label));
  }

  async function send(id, action, label) {
    const card = cardOf(id);
    const shown = chips.areIn(card) ? card.dataset.own : null; // the labels that the person saw
    try {
      const answer = await fetch("choose", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id, action, label, shown }),
      });
      const said = await answer.json();
      if (said.card) renew(card, said.card);
      if (!answer.ok) throw new Error(typeof said.detail === "string" ? said.detail : "This was not understood.");
      if (card) show(card, said);
      if (dialog.open && dialog.dataset.id === id) mark(said);
      similar.mark(id, card, said);
      say(said.counts);
    } catch (error) {
      const lost = error instanceof TypeError;
      say(`Not saved: ${lost ? "the cleaner does not answer. Is it still running?" : error.message}`);
      if (card && cardOf(id) === card) show(card, { action: card.dataset.action, label: card.dataset.to || "" });
    }
  }

  function show(card, { action, label }) {
    card.dataset.action = action;
    card.dataset.to = label;
    one(".to", card).textContent = `\u2192 ${chips.areIn(card) ? chips.inWords(label) : label}`;
    chips.set(card, card, action, label);
  }

  // somebody changed the photo's labels meanwhile
  function renew(card, html) {
    const id = card.dataset.id;
    card.outerHTML = html;
    focusOn(cardOf(id), false);
    if (dialog.open && dialog.dataset.id === id) look(id);
  }

  // the big view
  const dialog = closer.create();

  async function look(id) {
    dialog.dataset.id = id;
    const card = cardOf(id);
    one("img", dialog).src = `photo/${id}`;
    chips.copy(card, one(".chips-box", dialog));
    one("select", dialog).hidden = chips.areIn(card);
    one("select", dialog).innerHTML = one("select", card)?.innerHTML || "";
    one("[data-do=keep]", dialog).textContent = one("[data-do=keep]", card).textContent;
    one("[data-do=likely]", dialog).hidden = !one("[data-do=likely]", card);
    if (!dialog.open) dialog.showModal();
    const answer = await fetch(`about/${id}`).catch(() => null);
    if (!answer?.ok || dialog.dataset.id !== id) return;
    const told = await answer.json();
    one("h2", dialog).textContent = told.title;
    dialog.classList.toggle("suggested", told.suggested);
    one(".what", dialog).textContent = [told.name, told.split && `in ${told.split}`, told.loss,
      told.suggested || told.unlabelled ? "" : told.suspicion > 99 ? "the most suspicious" : `more suspicious than ${told.suspicion}% of the photos`].filter(Boolean).join(" \u00b7 ");
    one(".reason", dialog).textContent = told.reason || "Nothing speaks against its label.";
    one(".bars", dialog).replaceChildren(...told.probabilities.map(closer.bar));
    mark({ action: told.action, label: told.to });
  }

  function mark({ action, label }) {
    dialog.dataset.action = action;
    chips.set(dialog, cardOf(dialog.dataset.id), action, label);
    const change = chips.areIn(dialog) ? `To relabel: ${chips.inWords(label)}` : `To move to ${label}`;
    const unlabelled = cardOf(dialog.dataset.id)?.matches(".unlabelled");
    one(".decided", dialog).textContent = { keep: unlabelled ? "Skipped" : "To keep", delete: "To delete", label: change }[action]
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
    const id = card?.dataset.id || target.closest("#closer, #similar")?.dataset.id;
    if (target === dialog || target.closest("[data-close]")) return dialog.close();
    const stepping = target.closest("#closer [data-step]");
    if (stepping) return step(Number(stepping.dataset.step));
    if (card) focusOn(card, false);
    const doing = target.closest("[data-do]");
    const chip = target.closest(".chip");
    if (id && chip) return choose(id, "toggle", chip.dataset.label);
    if (id && doing?.dataset.do === "likely") return choose(id, "label", chips.textOf(cardOf(id), "a"));
    if (id && doing) {
      const now = (card || target.closest("dialog")).dataset.action; // a second tap takes it back
      return choose(id, now === doing.dataset.do ? "" : doing.dataset.do);
    }
    if (card && target.closest(".look")) look(id);
  });

  document.addEventListener("change", (event) => {
    const about = event.target.closest("#closer, #similar, #grid .card"); // a photo
    if (!about || event.target.tagName !== "SELECT") return;
    choose(about.dataset.id, "label", event.target.value);
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
    const several = chips.areIn(cardOf(id));
    const unlabelled = cardOf(id).matches(".unlabelled"); // of these, a key decides and goes on
    const label = /^[1-9]$/.test(key) && labels()[Number(key) - 1];
    if (label) choose(id, several ? "toggle" : "label", label);
    else if ((several && key === "0") || (key === "a" && "likely" in cardOf(id).dataset)) choose(id, "label", chips.textOf(cardOf(id), key));
    else if (acts[key]) {
      if (acts[key]() === null) return;
    } else return;
    if (!key.startsWith("Arrow") || current !== id) focusOn(cardOf(current) || cardOf(id));
    if (unlabelled && (/^[kda0]$/.test(key) || (label && !several))) step(1);
    event.preventDefault();
  });

  // a photo that went away since says so
  document.addEventListener("error", (event) => {
    const card = event.target.tagName === "IMG" && event.target.closest("#grid .card");
    if (card) card.classList.add("gone");
  }, true);

  let known = null;
  new MutationObserver(() => {
    one("#bar")?.classList.toggle("nothing", Boolean(one("#counts")?.textContent.startsWith("Nothing marked")));
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
  const marked = (id, decision) => cardOf(id) && show(cardOf(id), decision); // the map has decided about it
  window.fieldguide = { toTop: () => one("#bar")?.scrollIntoView({ block: "start" }), say, marked };
})();

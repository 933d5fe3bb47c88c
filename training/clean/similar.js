// "Show similar": the photos of the set that a photo resembles, with their labels, and the decision about it.
const similar = (() => {
  const dialog = document.createElement("dialog");
  dialog.id = "similar";
  dialog.innerHTML = '<h2></h2><p></p><div class="photos"></div><p class="acts"><button data-do="keep"></button>'
    + '<button data-do="delete">Delete</button><select aria-label="Label"></select><button data-close-similar>Close</button></p>';
  const one = (selector) => dialog.querySelector(selector);

  function figure({ id, name, title, similarity, differs }, i) {
    const shown = document.createElement("figure");
    const link = Object.assign(document.createElement("a"), { href: `photo/${id}`, target: "_blank", title: name });
    link.append(Object.assign(new Image(), { src: `thumb/${id}`, alt: name }));
    const label = Object.assign(document.createElement("b"), { textContent: title });
    const said = i ? `${Math.round(100 * similarity)}% alike${differs ? ", another label" : ""}` : "this photo";
    const caption = document.createElement("figcaption");
    caption.append(label, document.createElement("br"), said);
    shown.classList.toggle("differs", differs);
    shown.append(link, caption);
    return shown;
  }

  // what is decided about the photo; `page.js` sends it
  function mark(id, card, { action, label }) {
    if (!card || dialog.dataset.id !== id) return;
    dialog.dataset.action = action;
    chips.set(dialog, card, action, label);
  }

  function offer(card) {
    one("[data-do=keep]").textContent = card.querySelector("[data-do=keep]").textContent;
    one("select").hidden = chips.areIn(card);
    one("select").innerHTML = card.querySelector("select")?.innerHTML || "";
    mark(card.dataset.id, card, { action: card.dataset.action, label: card.dataset.to });
  }

  async function show(card) {
    const { id } = card.dataset;
    one("h2").textContent = "Similar photos";
    one("p").textContent = "Looking …";
    one(".photos").replaceChildren();
    dialog.dataset.id = id;
    offer(card);
    if (!dialog.open) dialog.showModal();
    const answer = await fetch(`similar/${id}`).catch(() => null);
    const found = await answer?.json().catch(() => null);
    if (dialog.dataset.id !== id) return;
    if (!answer?.ok || !found) {
      one("p").textContent = found?.detail || "The cleaner does not answer. Is it still running?";
      return;
    }
    const n = found.filter((photo) => photo.differs).length;
    one("p").textContent = n ? `${n} of ${found.length - 1} have another label.` : "None of them has another label.";
    one(".photos").replaceChildren(...found.map(figure));
  }

  document.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close-similar]")) return dialog.close();
    const card = event.target.closest("[data-similar]")?.closest("[data-id]");
    if (card) show(card);
  });
  // keys of the grid decide about the photo behind: not while this is open
  dialog.addEventListener("keydown", (event) => event.stopPropagation());

  const ready = () => document.body.append(dialog);
  if (document.body) ready();
  else document.addEventListener("DOMContentLoaded", ready);
  return { mark };
})();

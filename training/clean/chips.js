// The labels of a photo that may have several: a chip for each, lit where the photo has it.
const chips = {
  areIn: (box) => Boolean(box?.querySelector(".chips")),
  inWords: (text) => text.split("|").filter(Boolean).join(", ") || "none of the labels",

  light(box, text) {
    const lit = new Set(text.split("|"));
    for (const chip of box.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", lit.has(chip.dataset.label));
  },

  // show in a card, or in the large view of it, which label or labels the photo is to have
  set(box, card, action, label) {
    const now = action === "label" ? label : card?.dataset.own || "";
    if (chips.areIn(box)) chips.light(box, now);
    else {
      const select = box.querySelector("select");
      if (now && ![...select.options].some((option) => option.value === now)) select.add(new Option(now, now)); // a new one
      select.value = now;
    }
  },

  // opened once, the rest of the labels is open for the next photos too
  copy(card, box) {
    const wasOpen = box.querySelector("details")?.open;
    box.innerHTML = card.querySelector(".chips")?.outerHTML || "";
    const more = box.querySelector("details");
    if (more) more.open = wasOpen ?? more.open;
  },

  // what switches off all that is lit, or gives what the other photos make probable
  textOf: (card, key) => (key === "0" ? "" : card.dataset.likely),
};


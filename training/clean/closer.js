// The large view of a photo, with its probabilities as bars.
const closer = {
  create() {
    const dialog = document.createElement("dialog");
    dialog.id = "closer";
    dialog.innerHTML = `<div class="frame"><img alt=""><div class="told"><h2></h2><p class="what"></p><p class="reason"></p>
      <div class="chips-box"></div><div class="bars"></div><p class="decided"></p><p class="acts">
      <button data-do="keep">Keep</button><button data-do="delete">Delete</button>
      <button data-do="likely">Accept</button><select aria-label="Label"></select></p>
      <p class="steps"><button data-step="-1">\u2039 Previous</button><button data-step="1">Next \u203a</button>
      <button data-close>Close</button></p></div></div>`;
    return dialog;
  },

  bar({ label, share, said }) {
    const row = document.createElement("div");
    const fill = document.createElement("i");
    fill.style.width = `${100 * share}%`;
    const name = document.createElement("span");
    name.textContent = label;
    const figure = document.createElement("b");
    figure.textContent = said;
    row.append(fill, name, figure);
    return row;
  },
};


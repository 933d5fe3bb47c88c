// What the page was given, and its elements.
export const set = JSON.parse(document.querySelector("main").dataset.settings)
export const at = id => document.getElementById(id)
export const say = words => { at("said").textContent = words }

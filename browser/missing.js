// Says so where a script of the page does not come, or is damaged: then no other one can. It is no module, since those
// run only when all of them are there.
addEventListener("error", ({ target, message }) => {
  if (!(target instanceof HTMLScriptElement || /SyntaxError/.test(message))) return
  const show = () => {
    const box = document.getElementById("no-model"), again = document.getElementById("again")
    document.getElementById("loading").hidden = true
    box.querySelector("h3").textContent = "The page could not be loaded"
    box.querySelector("p").textContent = "A part of it did not come, or is damaged."
    box.hidden = false
    again.addEventListener("click", () => location.reload())
  }
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", show)
  else show()
}, true)

// Keeps the page on the device through its service worker, where there may be one, and says when it is there and when a
// newer version is. What a browser forbids here is no fault: the page then needs the network, as others do.

async function register({ ready, newer }) {
  const { serviceWorker } = navigator
  const first = !serviceWorker.controller
  const registration = await serviceWorker.register("service-worker.js")
  const update = worker => newer(() => {
    serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true })
    worker.postMessage("take over")
  })
  const watch = worker => worker?.addEventListener("statechange", () => {
    if (worker.state === "activated") ready()
    if (worker.state === "installed" && !first) update(worker) // or once these pages are closed
  })
  if (registration.active) ready()
  if (registration.waiting && !first) update(registration.waiting)
  watch(registration.installing)
  registration.addEventListener("updatefound", () => watch(registration.installing))
}

/** ready: called once the page works without a network; newer: called with a function that changes to a newer one. */
export async function keepOffline(callbacks) {
  if (!isSecureContext || !/^https?:$/.test(location.protocol) || !("serviceWorker" in navigator)) return
  try {
    await register(callbacks)
  } catch {
    // a frame of another site, a private window or a setting forbids it, or this is one file without a service worker
  }
}

// Keeps the page and its model on the device, so that a second visit needs no network. training.static fills in the
// next two lines: a hash of all files, and the names of those to keep.
const VERSION = "dev"
const FILES = []

const OURS = `fieldguide ${self.registration.scope} ` // several of these pages may share a host, and so its caches
const NAME = OURS + VERSION
const LATER = "heic/" // a decoder that few photos need: kept when it is first asked for

const kept = name => new URL(name, self.registration.scope).href

/** Fetch a file as the host has it now; the browser's own cache saves what did not change. */
async function keep(cache, name) {
  const response = await fetch(kept(name), { cache: "no-cache" })
  if (!response.ok) throw new Error(`${name}: ${response.status}`)
  // a page may not be answered with a redirected response: only its content is kept
  await cache.put(kept(name), response.redirected ? new Response(response.body, response) : response)
}

self.addEventListener("install", event => event.waitUntil((async () => {
  const cache = await caches.open(NAME)
  await Promise.all(FILES.map(name => keep(cache, name)))
})()))

self.addEventListener("activate", event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith(OURS) && name !== NAME) await caches.delete(name)
  await self.clients.claim()
})()))

async function answer(request) {
  const cache = await caches.open(NAME), found = await cache.match(request, { ignoreSearch: true })
  if (found) return found
  const address = request.url.split(/[?#]/)[0]
  const page = request.mode === "navigate" && await cache.match(kept("index.html"))
  if (page && address === kept("")) return page
  try {
    const response = await fetch(request)
    if (response.ok && address.startsWith(kept(LATER))) await cache.put(address, response.clone())
    return response
  } catch (error) {
    if (page) return page
    throw error
  }
}

self.addEventListener("fetch", event => {
  const { method, url } = event.request
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request))
})

self.addEventListener("message", event => event.data === "take over" && self.skipWaiting())

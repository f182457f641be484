// Keeps the page for use without a network, and keeps its requests at home.
//
// Every file is stored under its hash from `site-files.js` (a changed file there is a new version)
// and served from the store only. Responses get the page's policy, so that it binds the model's
// worker too; requests to other hosts are refused. A new version takes over when no page of the
// old one is open.

importScripts("site-files.js");

const PREFIX = `edge-ser ${self.registration.scope} `;
const STORE = PREFIX + self.SITE.version;
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "connect-src 'self'; style-src 'self'; img-src 'self' data:; manifest-src 'self'; " +
  "base-uri 'none'; form-action 'none'";

self.addEventListener("install", (event) => event.waitUntil(store()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function store() {
  const store = await caches.open(STORE);
  const files = Object.entries(self.SITE.files);
  await Promise.all(files.map(([path, integrity]) => storeOne(store, path, integrity)));
}

async function storeOne(store, path, integrity) {
  const response = await fetch(path, { integrity, cache: "no-cache" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const headers = new Headers({ "Content-Security-Policy": POLICY });
  headers.set("Content-Type", response.headers.get("Content-Type") ?? "application/octet-stream");
  await store.put(address(path), new Response(await response.blob(), { headers }));
}

async function takeOver() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== STORE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request) {
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return Response.error();
  const path = url.href.split(/[?#]/)[0];
  const stored = await (await caches.open(STORE)).match(
    path === self.registration.scope ? address("index.html") : path,
  );
  return stored ?? fetch(request);
}

function address(path) {
  return new URL(path, self.registration.scope).href;
}

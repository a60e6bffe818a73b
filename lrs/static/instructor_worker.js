// Keeps the pages of instructors for when there is no net: always the newest from the net, else the last seen.
"use strict";

const CACHE = "laurel-instructor";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const at = new URL(request.url);
  if (request.method !== "GET" || at.origin !== location.origin) return;
  const isPage = request.mode === "navigate" && (at.pathname + "/").startsWith("/instructor/");
  if (isPage || at.pathname.startsWith("/static/")) event.respondWith(answer(request, isPage));
});

async function answer(request, isPage) {
  try {
    const fresh = await fetch(request);
    if (fresh.ok) await (await caches.open(CACHE)).put(request, fresh.clone());
    // somebody else, or nobody, is logged in now: what the last one saw is not theirs
    else if (isPage && fresh.type === "opaqueredirect") await caches.delete(CACHE);
    return fresh;
  } catch (error) {
    const known = await caches.match(request, { cacheName: CACHE, ignoreSearch: !isPage });
    if (known) return known;
    throw error;
  }
}

// Keeps the pages of a desk and their files, so that they open without a connection. What a service
// answers is never kept here. VERSION, FILES and PAGES stand before this text.

const CACHE = `greenchannel-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE)
    .then((cache) => cache.addAll([...FILES, ...PAGES]))
    .then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const ours = (await caches.keys()).filter((name) => name.startsWith("greenchannel-") && name !== CACHE);
    await Promise.all(ours.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

// The network first; what was kept where there is none within a few seconds.
async function freshOrKept(request, name) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(4000) });
  } catch (error) {
    const found = await caches.match(name, { cacheName: CACHE });
    if (found) return found;
    throw error;
  }
}

const shellOf = (path) => PAGES.find((page) => page === path)
  ?? PAGES.find((page) => page.endsWith("/-") && path.startsWith(page.slice(0, -1))) ?? PAGES[0];

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (FILES.includes(pathname)) event.respondWith(freshOrKept(request, pathname));
  else if (request.mode === "navigate" && pathname.startsWith(DESK)
      && !/\/(api|sign-in|attachments)\b/.test(pathname)) {
    event.respondWith(freshOrKept(request, shellOf(pathname)));
  }
});

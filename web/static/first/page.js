// The page: takes the snapshot and the changes, keeps the newest of each section, draws.

import { render } from "../vendor/preact.mjs";
import { html, now, setClock } from "./base.js";
import { Calls } from "./calls.js";
import { City } from "./city.js";
import { Foot } from "./foot.js";
import { Followed } from "./patient.js";
import { Queues } from "./queues.js";
import { clock, language, person, recallLanguage, say, switchLanguage } from "./words.js";

const QUIET_MS = 5000, SILENT_MS = 7000, TICK_MS = 500;

const seen = { city: {}, centres: [], services: [], units: [], scenes: [] };
const page = { heard: 0, refused: "", said: "", admitted: new Set() };

function Live() {
  const cut = Date.now() - page.heard > SILENT_MS;
  const quiet = seen.as_of == null || now() - seen.as_of > QUIET_MS;
  const words = cut ? say("cut")
    : !seen.ready ? say("starting")
      : quiet ? `${say("as_of")} ${clock(seen.as_of) || "–"}` : say("live");
  return html`<p class=${`live ${cut || quiet ? "quiet" : ""}`} role="status">${words}</p>`;
}

function Head() {
  return html`<header>
    <img src="/static/mark.svg" alt="" width="40" height="40" />
    <div class="title"><h1>${say("name")}<span>${say("motto")}</span></h1>
      <p>${say("what")} <span>${say("honest")}</span></p></div>
    <${Live} />
    <time class="clock">${page.heard ? clock(now()) : "--:--:--"}</time>
    ${seen.boards && html`<a class="language" href=${seen.boards}>${say("boards")}</a>
    <a class="language" href="/phone">${say("phone")}</a>`}
    <button type="button" class="language" lang=${language() === "zh" ? "en" : "zh-CN"}
        aria-label=${say("other_language_label")} onClick=${turnLanguage}>
      ${say("other_language")}
    </button>
  </header>`;
}

function Page() {
  const names = Object.fromEntries((seen.city.facilities || []).map((f) => [f.id, f.name]));
  const patient = seen.featured;
  const cards = seen.queue ? seen.queue.cards : [];
  const flips = cards.filter((card) => card.admission && now() - card.admitted_seen < 4000);
  return html`
    <${Head} />
    ${seen.ready === false && html`<p class="notice" role="status">${say("starting_long")}</p>`}
    <main>
      <${Calls} calls=${seen.as_of == null ? null : seen.calls} followed=${patient && patient.id} />
      <div class="middle">
        <${City} city=${seen.city} units=${seen.units} scenes=${seen.scenes} followed=${patient && patient.unit}
          flips=${flips} />
        <${Followed} patient=${patient} names=${names} />
      </div>
      <${Queues} queue=${seen.as_of == null ? null : seen.queue} centres=${seen.centres} names=${names} />
    </main>
    <${Foot} score=${seen.judge} services=${seen.services} pull=${pull} refused=${page.refused} />
    <p class="unseen" aria-live="polite">${page.said}</p>`;
}

function draw() {
  render(html`<${Page} />`, document.getElementById("page"));
}

function turnLanguage() {
  switchLanguage();
  dressDocument();
  draw();
}

function dressDocument() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  document.title = `${say("name")} · ${say("motto")}`;
}

async function pull(service) {
  page.refused = "";
  try {
    const answer = await fetch(`/plugs/${service}`, { method: "POST" });
    if (!answer.ok) page.refused = service;
  } catch {
    page.refused = service;
  }
  draw();
}

// Says aloud who was admitted since the last change; on arrival here it says nothing.
function announce(first) {
  for (const card of seen.queue ? seen.queue.cards : []) {
    if (!card.admission || page.admitted.has(card.admission)) continue;
    page.admitted.add(card.admission);
    if (!first) page.said = say("announce", {
      who: person(card.patient), number: card.admission, ms: Math.round(card.after_ms)
    });
  }
  if (page.admitted.size > 2000) page.admitted = new Set([...page.admitted].slice(-500));
}

function take(message, first) {
  const change = JSON.parse(message.data);
  setClock(change.now);
  page.heard = Date.now();
  Object.assign(seen, change);
  announce(first);
  draw();
}

function watch() {
  const source = new EventSource("/stage");
  source.addEventListener("snapshot", (message) => take(message, true));
  source.addEventListener("change", (message) => take(message, false));
  // The browser tries again by itself while the connection breaks, but not after a refusal.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(watch, 2000);
  });
}

recallLanguage();
dressDocument();
document.getElementById("page").replaceChildren();
draw();
watch();
setInterval(draw, TICK_MS);

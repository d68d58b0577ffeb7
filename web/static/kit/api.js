// Asks the services, by the boards; says what went wrong in words that a user can act on.

import { setClock } from "./clock.js";
import { forget } from "./keep.js";

export const desk = document.documentElement.dataset.desk;
export const told = JSON.parse(document.body.dataset.told || "{}");

// `status` 0: no answer came at all.
export class Problem extends Error {
  constructor(status, said = {}) {
    super(said.detail || said.title || String(status));
    Object.assign(this, { status, title: said.title || "", detail: said.detail || "", errors: said.errors || [] });
  }

  get isAway() { return this.status === 0 || this.status >= 502; }
  get isSignedOut() { return this.status === 401; }
}

const outs = new Set();
// Told when nobody is signed in any more, with what the service asks for (a fresh sign-in).
export function onSignedOut(tell) { outs.add(tell); return () => outs.delete(tell); }

// Who leaves in one tab leaves in all of this desk, at once: no patient stays on another.
const tabs = new BroadcastChannel(`greenchannel.signed-out.${desk}`);
tabs.onmessage = () => { for (const tell of outs) tell(new Problem(401)); };

async function problemOf(answer) {
  let said = {};
  try { said = await answer.json(); } catch { /* not one of ours */ }
  const problem = new Problem(answer.status, said);
  problem.isToSignAnew = (answer.headers.get("www-authenticate") || "").includes("insufficient_user_authentication");
  return problem;
}

// The answer, or a Problem is thrown. `more`: key (of idempotency), signal, headers, patience in ms.
export async function fetchFrom(path, { method = "GET", body, headers = {}, key, signal, patience = 15000, raw } = {}) {
  const given = { ...headers };
  if (body !== undefined && !raw) given["content-type"] = "application/json";
  if (key) given["idempotency-key"] = key;
  const limits = [AbortSignal.timeout(patience), signal].filter(Boolean);
  let answer;
  try {
    answer = await fetch(path, {
      method, headers: given, cache: "no-store", signal: AbortSignal.any(limits),
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
    });
  } catch (error) {
    throw new Problem(0, { title: error.name });
  }
  if (answer.ok || answer.status === 304) return answer;
  const problem = await problemOf(answer);
  if (problem.isSignedOut) for (const tell of outs) tell(problem);
  throw problem;
}

const json = async (answer) => (answer.status === 204 || answer.status === 304 ? null : answer.json());

// ask("bridge", "GET", "facilities/H-1/queue"); paths are below /v1/.
export const ask = async (service, method, path, body, more = {}) =>
  json(await fetchFrom(`/${desk}/api/${service}/v1/${path}`, { method, body, ...more }));
// Of the boards themselves: own("GET", "session").
export const own = async (method, path, body, more = {}) =>
  json(await fetchFrom(`/${desk}/${path}`, { method, body, ...more }));

// Once every `every` ms: what has changed since, or nothing. Ends by the returned function.
export function poll(service, path, every, tell, fail = () => {}, more = {}) {
  let tag = null;
  let timer = null;
  let ended = false;
  const once = async () => {
    try {
      const answer = await fetchFrom(`/${desk}/api/${service}/v1/${path}`, {
        headers: { ...more, ...(tag ? { "if-none-match": tag } : {}) }, patience: 8000
      });
      tag = answer.headers.get("etag");
      if (!ended) tell(answer.status === 304 ? null : await answer.json());
    } catch (problem) {
      if (!ended) fail(problem);
    }
    if (!ended) timer = setTimeout(once, every);
  };
  once();
  return () => { ended = true; clearTimeout(timer); };
}

// Who is signed in; sets the clock by the way.
export async function whoami() {
  const asked = Date.now();
  const session = await own("GET", "session");
  setClock(session.now, asked, Date.now());
  return session;
}

// Go and sign in; come back to this page. `anew`: show again who you are, as for a signature.
export function goSignIn({ to = location.pathname + location.search + location.hash, anew = false } = {}) {
  location.assign(`/${desk}/sign-in?to=${encodeURIComponent(to)}${anew ? "&anew=true" : ""}`);
}

// Who leaves takes the downtime copy along; a session that ends by itself, or cannot be ended, leaves it.
export async function signOut() {
  const { to } = await own("POST", "sign-out");
  await forget("copies", "board").catch(() => {});
  tabs.postMessage("signed out");
  location.assign(to);
}

// A name for an act, so that sending it again changes nothing.
export const newKey = () => crypto.randomUUID();

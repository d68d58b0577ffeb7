// Every act is kept on the phone first, and sent from there: in order for each patient, under its own
// key and with its own time, whenever there is a line. Nothing that was entered is dropped by itself.

import { fetchFrom, newKey, Problem } from "../kit/api.js";
import { isoNow, ms, now } from "../kit/clock.js";
import { allKept, forget, keep } from "../kit/keep.js";
import { sendFile } from "./files.js";

// So long an act that can be undone waits on the phone.
export const UNDO_MS = 10_000;
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000];
// What the gateway does not know yet may be on its way to it.
const NOT_YET = 4;
// What was sent is shown for so long, so that it can be taken back.
const SHOWN_MS = 24 * 3600_000;

let acts = [];
let count = 0;
const listeners = new Set();
const busy = new Map();
const timers = new Map();
const resting = new Map();

// `heard`: the dispatch that the unit is on, and when that was heard: {leg, at}; null while nobody knows.
export const line = { acts: () => acts, heard: () => null };
export function onLine(tell) { listeners.add(tell); return () => listeners.delete(tell); }
function changed() {
  acts = [...acts];
  for (const tell of listeners) tell(acts);
}

// Sorted as they were made; two in the same millisecond too.
const newPlace = () => `${String(Date.now()).padStart(14, "0")}-${String(count += 1).padStart(5, "0")}`;

// What was kept before the page was closed goes on; what is long over is let go of.
export async function reopen() {
  const kept = (await allKept("acts")).map(([, act]) => act).sort((a, b) => (a.place < b.place ? -1 : 1));
  const old = kept.filter((act) => act.state === "done" && now() - ms(act.at) > SHOWN_MS);
  await Promise.all(old.map((act) => forget("acts", act.place)));
  acts = kept.filter((act) => !old.includes(act));
  // The question that it stood still for is closed with its page.
  for (const one of acts.filter((each) => each.state === "held" && each.until === null)) await goOn(one);
  changed();
  kick();
}

async function put(act, change) {
  const after = { ...act, ...change };
  acts = acts.some((one) => one.place === act.place)
    ? acts.map((one) => (one.place === act.place ? after : one))
    : [...acts, after];
  await keep("acts", after.place, after);
  changed();
  return after;
}

async function drop(act) {
  acts = acts.filter((one) => one.place !== act.place);
  await forget("acts", act.place);
  changed();
}

// act({lane, duty, service, method, path, body, name, given, kind, code, ...}): keeps it, and sends it.
// `undo`: it waits for a while in which it can be undone. `key`: so that others can name it before.
export async function act({ undo = false, at = isoNow(), key = newKey(), ...told }) {
  const one = await put({
    place: newPlace(), key, at, enteredAt: Date.now(), state: undo ? "held" : "waiting",
    until: undo ? Date.now() + UNDO_MS : null, tries: 0, ...told,
  }, {});
  kick();
  return one;
}

// What stays on this phone: that something was asked, and nobody could say it.
export const note = (told) => put({
  place: newPlace(), key: newKey(), at: isoNow(), state: "done", isLocal: true, ...told
}, {});
export const unnote = (one) => drop(one);

// The shift is over: what was sent leaves the phone, what waits stays.
export async function tidy() {
  for (const one of acts.filter((other) => other.state === "done")) await drop(one);
}

const fresh = (one) => acts.find((other) => other.place === one.place);

// An act that was held, or that waits, is never sent; one that was refused is given up by a human.
export async function giveUp(one) {
  const known = fresh(one);
  if (!known || known.state === "done" || busy.get(known.lane) === known.place) return false;
  await drop(known);
  const follows = acts.filter((other) => other.after === known.key || (known.makes && other.lane === known.makes));
  for (const other of follows) await drop(other);
  return true;
}

// Whether no try of it can have reached a service: only such an act is as if it had never been made.
export function isUnsent(one) {
  const known = fresh(one);
  return Boolean(known) && known.state !== "done" && !known.mayBeThere && busy.get(known.lane) !== known.place;
}

// It was at another time than the tap; the time to think about it begins anew, unless it stands still.
export async function moveTo(one, at) {
  const known = fresh(one);
  if (known?.state === "held") await put(known, { at, until: known.until === null ? null : Date.now() + UNDO_MS });
  kick();
}
// While somebody chooses another time, or has to, what is held stands still: `until` null.
export async function pause(one) {
  const known = fresh(one);
  if (known?.state === "held" && known.until > Date.now()) await put(known, { until: null });
}
export async function goOn(one) {
  const known = fresh(one);
  if (known?.state === "held" && known.until === null) await put(known, { until: Date.now() + UNDO_MS });
  kick();
}
export async function sendNow(one) {
  const known = fresh(one);
  if (known?.state === "held") await put(known, { until: 0 });
  kick();
}

// What was refused is put right: other words or another time, under a new key.
export async function again(one, change = {}) {
  const known = fresh(one);
  if (known?.state === "refused") await put(known, {
    ...change, key: newKey(), state: "waiting", tries: 0, problem: null
  });
  kick();
}

// What waits in a lane is sent one after the other; what is held or refused holds nothing up, but for
// what needs a number that only the answer gives.
function nextOf(lane) {
  const here = acts.filter((one) => one.lane === lane);
  const unmade = here.find((one) => one.makes && one.state !== "done");
  const open = here.filter((one) => one.state === "waiting" && (!unmade || one === unmade));
  return open.find((one) => !one.after || acts.find((other) => other.key === one.after)?.state === "done"
    || !acts.some((other) => other.key === one.after));
}

export function kick() {
  for (const one of acts) {
    if (one.state !== "held" || one.until === null) continue;
    const left = one.until - Date.now();
    if (left <= 0) put(one, { state: "waiting", until: null }).then(kick);
    else if (!timers.has(one.place)) timers.set(one.place, setTimeout(() => {
      timers.delete(one.place);
      kick();
    }, left + 20));
  }
  for (const lane of new Set(acts.filter((one) => one.state === "waiting").map((one) => one.lane))) {
    if (!busy.has(lane)) run(lane);
  }
}

// The line is back: nobody waits for the next try.
export function wake() {
  for (const [lane, timer] of resting) {
    clearTimeout(timer);
    busy.delete(lane);
  }
  resting.clear();
  kick();
}
addEventListener("online", wake);

async function run(lane) {
  for (let one = nextOf(lane); one; one = nextOf(lane)) {
    busy.set(lane, one.place);
    if (!await attempt(one)) {
      const tries = fresh(one)?.tries ?? 1;
      busy.set(lane, null);
      resting.set(lane, setTimeout(() => {
        resting.delete(lane);
        busy.delete(lane);
        kick();
      }, AGAIN_MS[Math.min(tries, AGAIN_MS.length) - 1]));
      return;
    }
  }
  busy.delete(lane);
}

const waits = (problem, one) => problem.isAway || problem.status === 429 || problem.status === 408
  || (problem.status === 404 && one.service === "gateway" && one.tries < NOT_YET);

// One try. Whether the next of its lane may go: what a service refuses is shown and set aside.
async function attempt(one) {
  const hadLine = navigator.onLine;
  try {
    const answer = one.file ? await sendFile(one) : await send(one);
    await put(fresh(one) ?? one, {
      state: "done", doneAt: Date.now(), problem: null, answer: answer && { invalid: answer.invalid }
    });
    if (one.makes) await rename(one.makes, answer.encounter_id);
    return true;
  } catch (problem) {
    const known = fresh(one);
    if (!known) return true;
    if (problem.status !== undefined && waits(problem, known)) {
      await put(known, {
        tries: known.tries + 1, failedAt: now(), mayBeThere: known.mayBeThere || hadLine
      });
      return false;
    }
    const { status = -1, title = problem.message, detail, errors } = problem;
    await put(known, { state: "refused", problem: { status, title, detail, errors } });
    return true;
  }
}

// A stamp that could not be sent in time belongs to its own dispatch, not to the one that is on now: so
// after a try that failed it waits until that was heard anew.
function placeOf({ path, late, leg, failedAt = 0 }) {
  if (!late) return path;
  const heard = line.heard();
  if (!heard || heard.at <= failedAt) throw new Problem(0);
  return heard.leg === leg ? path : late;
}

async function send(one) {
  const { service, method, body, key, at, duty, headers = {} } = one;
  const answer = await fetchFrom(`/crew/api/${service}/v1/${placeOf(one)}`, {
    method, key, body: { ...body, occurred_at: at }, headers: { "green-channel-duty": duty, ...headers },
  });
  return answer.status === 204 ? null : answer.json();
}

// Somebody who was found without a line has a number of their own only now.
async function rename(made, encounterId) {
  for (const one of acts.filter((other) => other.lane === made || other.path.includes(made))) {
    await put(one, {
      lane: one.lane === made ? encounterId : one.lane,
      path: one.path.replace(made, encounterId),
      madeFor: one.makes ? made : one.madeFor
    });
  }
  kick();
}


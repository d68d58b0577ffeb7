// What a human can do about a patient here, what is due first, and how it is sent.

import { ask, newKey } from "../kit/api.js";
import { isoNow, secondOf } from "../kit/clock.js";
import { explain, notify } from "../kit/frame.js";
import { code, say } from "../kit/language.js";
import { personOf, problemOf } from "../kit/person.js";
import {
  acknowledged, isHere, judged, markOf, proposals, proposedWay, standing, teamsOf, toAcknowledge, unanswered,
} from "./patients.js";

const WAITS_MS = 1500; // nobody waits for longer without a word
const CENTRES = ["chest_pain", "stroke", "trauma", "maternal", "neonatal"];

// The acts of a card, the one that is due first at the top: {name, text, isDue, ...what it is about}.
// For who died on the way nothing is prepared any more.
export function actsOf(item) {
  const found = [];
  const add = (name, text, isDue = false, more = {}) => found.push({ name, text, isDue, ...more });
  const { handoff, record } = item;
  const owed = toAcknowledge(item);
  const silent = unanswered(item).length;
  const lives = !record.journey_end;
  const comes = lives && !isHere(item);
  if (owed) add("acknowledge", say("do.acknowledge"), true);
  if (!lives && !handoff.death_declared_at) add("death", say("do.death"), !owed);
  if (lives && silent) add("answer", say("do.answer_n", { n: silent }), !owed);
  for (const concern of lives ? proposals(item) : []) {
    add("activate", say(`do.${concern.activation}`, { centre: say(`centre.${concern.centre}`) }),
      !owed && concern.activation === "activate" && !judged(item, concern), { concern });
  }
  if (comes && proposedWay(item))
    add("direct", say("do.direct", { place: code("places", proposedWay(item)) }), !owed, { way: proposedWay(item) });
  if (isHere(item)) add("transfer", say("do.transfer"), !owed);
  else add("arrive", say("do.arrive"), false);
  if (comes && !handoff.accepted_at) add("accept", say("do.accept"));
  else if (comes) add("unaccept", say("do.unaccept"));
  if (lives) add("bed", say("do.bed"));
  for (const bed of new Map(handoff.beds.map((one) => [one.department, one])).values())
    add("release", say("do.release", { department: say(`department.${bed.department}`) }), false, { bed });
  if (comes && handoff.direct_to) add("revoke", say("do.revoke"));
  if (handoff.redirect) add("redirect_back", say("do.redirect_back"));
  else if (comes) add("redirect", say("do.redirect"));
  if (lives && !silent && teamsOf(item).length) add("answer", say("do.answer"));
  if (lives && callable(item, CENTRES).length) add("call", say("do.call"));
  if (handoff.activations.length) add("uncall", say("do.uncall"));
  return found;
}

// Sends an act; the item as it stands then. A repeat after a lost answer changes nothing. While no answer comes
// `waits(true)` is told once, and `waits(false)` when one has come, or none ever will.
export async function send(item, path, body = {}, key = newKey(), waits = () => {}) {
  const whole = `facilities/${item.facility_id}/encounters/${item.encounter_id}/${path}`;
  const said = { occurred_at: isoNow(), ...body };
  const late = setTimeout(() => waits(true), WAITS_MS);
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const after = await ask("bridge", "POST", whole, said, { key });
        forgetFirst();
        return after;
      } catch (problem) {
        if (!problem.isAway || attempt === 3) throw problem;
        await new Promise((go) => { setTimeout(go, 400 * 2 ** attempt); });
      }
    }
  } finally { clearTimeout(late); waits(false); }
}

// Says so on the page, as long as an act waits.
export function waiting(text) {
  let close = () => {};
  return (does) => {
    close();
    if (does) close = notify(say("act_waits", { act: text }), "told");
  };
}

// What a Problem says of an act: that it was not sent, where it was not, and what to do then.
export const unsent = (problem, text) =>
  `${text}${say("colon")}${[
    explain(problem), problem.isAway && problem.status !== 0 && say("act_unsent"), problem.isAway && say("press_again")
  ].filter(Boolean).join(" · ")}`;

// As a board calls a patient, in one line.
export const whoOf = (item) => [code("levels", item.record.worst), personOf(item.record.patient),
  problemOf(item.record.patient), markOf(item)].join(" ");
// An act and whose it is.
export const actOf = (text, item) => `${text} · ${personOf(item.record.patient)} ${markOf(item)}`;

// What was told of acts that were not sent, by patient and act.
const failed = new Map();
export function tellUnsent(problem, item, name, text) {
  const key = `${item.encounter_id} ${name}`;
  failed.get(key)?.close();
  failed.set(key, { id: item.encounter_id, name, close: notify(unsent(problem, actOf(text, item)), "wrong") });
}
// It was sent after all, or it is offered no more: what was told of it says nothing any more.
export function sentAfterAll(item, name) {
  for (const [key, one] of failed) {
    if (one.id !== item.encounter_id) continue;
    if (one.name === name || !item.handoff || !offered(item, one.name)) {
      one.close();
      failed.delete(key);
    }
  }
}
const ASIDE = ["acknowledge", "accept"]; // what a card offers; the others are told done by whoever sends them
const offered = (item, name) => !ASIDE.includes(name) || actsOf(item).some((act) => act.name === name);

// Who was first with an act that is refused because it was done: {who, at}, or null.
export function firstOf(item, path, said = {}) {
  const { handoff } = item;
  const by = (one) => (one ? { who: one.staff_id, at: one.occurred_at } : null);
  if (path === "acknowledgement") { // of this version, and not the first of all
    const last = toAcknowledge(item) ? null : acknowledged(item);
    return last && { who: last.by, at: last.at };
  }
  if (path === "acceptance") return handoff.accepted_at && handoff.accepted_by
    ? { who: handoff.accepted_by, at: handoff.accepted_at } : null;
  if (path === "acceptance/withdrawn") return handoff.accepted_at ? null : by(handoff.not_accepted?.withdrawal);
  if (path === "activation/withdrawn")
    return by(handoff.withdrawn.filter((one) => one.withdrawal.centre === said.centre).at(-1)?.withdrawal);
  return null;
}

// Of two who press at once one wins, and the other is told who, and whose it is: until the next act is done, or for
// some seconds (ours, design). Under another patient's card, or after another's act, it would be said of those.
const FIRST_MS = 15_000;
let forgetFirst = () => {};
export function tellFirst(item, act, { who, at }) {
  forgetFirst();
  forgetFirst = notify(say("was_first", { act: actOf(act, item), who, at: secondOf(at) }), "told", FIRST_MS);
}

// Whether a centre may still be called, and how loudly.
export const callable = (item, centres) => centres.filter((centre) => standing(item, centre) !== "activate");

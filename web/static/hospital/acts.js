// What a human can do about a patient here, what is due first, and how it is sent.

import { ask, newKey } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";
import { explain, notify } from "../kit/frame.js";
import { code, say } from "../kit/language.js";
import { isHere, proposals, proposedWay, standing, teamsOf, toAcknowledge, unanswered } from "./patients.js";

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
      !owed && concern.activation === "activate", { concern });
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
        return await ask("bridge", "POST", whole, said, { key });
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
export const unsent = (problem) => (problem.isAway ? `${explain(problem)} · ${say("act_unsent")}` : explain(problem));

// Whether a centre may still be called, and how loudly.
export const callable = (item, centres) => centres.filter((centre) => standing(item, centre) !== "activate");

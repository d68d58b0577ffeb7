// Whether the time of a stamp can be, by the stamps that this page knows: no drawing, no asking.

import { ms } from "../kit/clock.js";
import { STAMPS, stampsOf } from "./mission.js";

// A time is typed by the minute, and clocks differ a little: so much speaks against nothing. Ours (design).
export const NEAR_MS = 60_000;
// What was done so long before the duty began is refused: as `SLACK` has it, and a test holds them together.
export const SLACK_MS = 2 * 60_000;

// Whoever boards may do so as the unit is said to leave, and leave as they board: neither is before the other.
const PATIENT = { reached: STAMPS.indexOf("on_scene") + 0.5, boarding: STAMPS.indexOf("left_scene") };
const rankOf = (name) => PATIENT[name] ?? STAMPS.indexOf(name);

// The stamps beside which this one has to stand: those of its own dispatch, and of its own patient.
function beside(one, mission, acts, patients) {
  const others = acts.filter((act) => act.place !== one.place);
  const ofUnit = () => [...stampsOf(mission, others).done].map(([name, { at }]) => [name, at]);
  if (one.kind === "stamp") return one.leg === mission?.leg?.leg_id ? ofUnit() : [];
  const patient = patients.find((each) => each.encounter_id === one.lane);
  if (!patient) return [];
  const said = (kind) => others.find(
    (act) => act.kind === kind && act.lane === one.lane && act.state !== "refused")?.at;
  return [
    ...(patient.isEarlier ? [] : ofUnit()),
    ["reached", patient.reached_at ?? said("reached")],
    ["boarding", patient.boarding_inferred ? said("boarding") : patient.boarded_at ?? said("boarding")]
  ];
}

// {is: "early" | "late", name, at}: the nearest stamp that speaks against this time; {is: "ahead"}, where it is
// still to come; {is: "off", at}, where nobody was on duty yet; null, where nothing speaks against it.
// `one`: {kind, code, at, lane, leg, duty, place}.
export function oddOf(one, { mission, acts, patients, duties = [] }, now) {
  const at = ms(one.at);
  if (at - now > NEAR_MS) return { is: "ahead" };
  const begun = duties.find((duty) => duty.duty_id === one.duty)?.began_at;
  if (begun && ms(begun) - at > SLACK_MS) return { is: "off", at: begun };
  const rank = rankOf(one.code);
  if (rank < 0) return null;
  const known = beside(one, mission, acts, patients)
    .filter(([name, when]) => when && name !== one.code && (name === "notified" || rankOf(name) >= 0))
    .map(([name, when]) => ({ name, at: when, off: ms(when) - at, rank: name === "notified" ? -1 : rankOf(name) }));
  const early = known.filter((each) => each.rank < rank && each.off > NEAR_MS).sort((a, b) => b.off - a.off)[0];
  const late = known.filter((each) => each.rank > rank && -each.off > NEAR_MS).sort((a, b) => a.off - b.off)[0];
  const [is, found] = early ? ["early", early] : ["late", late];
  return found ? { is, name: found.name, at: found.at } : null;
}

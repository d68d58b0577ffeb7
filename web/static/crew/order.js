// Whether the time of a stamp can be, by the stamps that this page knows: no drawing, no asking.

import { ms } from "../kit/clock.js";
import { STAMPS, stampsOf } from "./mission.js";

// Clocks differ a little: so much speaks against nothing between this phone's and another's. Ours (design).
export const NEAR_MS = 60_000;
// What was done so long before the duty began is refused: as `SLACK` has it, and a test holds them together.
export const SLACK_MS = 2 * 60_000;

// Who stamps a patient has come to the scene, and takes them along before the unit leaves it.
const PATIENT = { reached: STAMPS.indexOf("on_scene") + 0.25, boarding: STAMPS.indexOf("on_scene") + 0.5 };
const rankOf = (name) => PATIENT[name] ?? STAMPS.indexOf(name);

// A time that was typed is one of a whole minute: two of the same minute are in no order.
const MINUTE_MS = 60_000;
const isTyped = (at) => at % MINUTE_MS === 0;
const minuteOf = (at) => Math.floor(at / MINUTE_MS);
const after = (one, other) => (isTyped(one) || isTyped(other) ? minuteOf(one) > minuteOf(other) : one > other);

// The stamps beside which this one has to stand, [name, at, whose]: those of its own dispatch and of its
// own patient; of a stamp of the unit those of everybody of this call who came aboard.
function beside(one, mission, acts, patients) {
  const others = acts.filter((act) => act.place !== one.place);
  const ofUnit = () => [...stampsOf(mission, others).done].map(([name, { at }]) => [name, at]);
  const isOf = (each) => {
    const said = (kind) => others.find(
      (act) => act.kind === kind && act.lane === each.encounter_id && act.state !== "refused")?.at;
    return [
      ["reached", each.reached_at ?? said("reached"), each],
      ["boarding", each.boarding_inferred ? each.boarding?.at : each.boarded_at ?? each.boarding?.at, each]
    ];
  };
  if (one.kind === "stamp") return one.leg !== mission?.leg?.leg_id ? [] : [
    ...ofUnit(),
    ...patients.filter((each) => !each.isEarlier && (each.boarded_at || each.boarding)).flatMap(isOf)
  ];
  const patient = patients.find((each) => each.encounter_id === one.lane);
  return patient ? [...(patient.isEarlier ? [] : ofUnit()), ...isOf(patient)] : [];
}

// All that speaks against this time: {is: "ahead"}, where it is still to come, and then nothing else;
// {is: "off", at}, where nobody was on duty yet; {is: "early" | "late", name, at, whose}, of either side the stamp
// that it contradicts most. `one`: {kind, code, at, lane, leg, duty, place}.
export function oddsOf(one, { mission, acts, patients, duties = [] }, now) {
  const at = ms(one.at);
  if (at - now > NEAR_MS) return [{ is: "ahead" }];
  const begun = duties.find((duty) => duty.duty_id === one.duty)?.began_at;
  const odds = begun && ms(begun) - at > SLACK_MS ? [{ is: "off", at: begun }] : [];
  const rank = rankOf(one.code);
  if (rank < 0) return odds;
  const known = beside(one, mission, acts, patients)
    .filter(([name, when]) => when && name !== one.code && (name === "notified" || rankOf(name) >= 0))
    .map(([name, when, whose]) => ({ name, at: when, whose, off: ms(when) - at,
      rank: name === "notified" ? -1 : rankOf(name) }));
  const isAfter = ({ name, at: when, off }) => (name === "notified" ? off > NEAR_MS : after(ms(when), at));
  const early = known.filter((each) => each.rank < rank && isAfter(each)).sort((a, b) => b.off - a.off)[0];
  const late = known.filter((each) => each.rank > rank && after(at, ms(each.at))).sort((a, b) => a.off - b.off)[0];
  const told = (is, { name, at: when, whose }) => ({ is, name, at: when, ...(whose ? { whose } : {}) });
  return [...odds, ...(early ? [told("early", early)] : []), ...(late ? [told("late", late)] : [])];
}

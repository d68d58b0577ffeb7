// The beds of a facility as a phone shows and says them: no drawing, no asking.

import { ms } from "../kit/clock.js";

export const DEPARTMENTS = [
  "resus", "emergency", "icu", "ccu", "stroke_unit", "trauma_ward", "obstetrics", "picu", "nicu", "theatre"
];
export const COUNTS = ["free", "emergency", "staffed"];

// What this phone last knew of each department, so that an old count can be looked at and not sent.
export function remember(before, wards) {
  const after = { ...before };
  for (const { department, is_known: isKnown, free, emergency, staffed, reported_at: at } of wards) {
    if (isKnown) after[department] = { free, emergency, staffed, at };
  }
  return after;
}

// Every department, those that were ever reported first: {department, ward, last, draft}.
export function rows({ wards, last, drafts }) {
  const by = Object.fromEntries(wards.map((ward) => [ward.department, ward]));
  const known = DEPARTMENTS.filter((name) => by[name]);
  const more = wards.map((ward) => ward.department).filter((name) => !DEPARTMENTS.includes(name));
  return [...known, ...more, ...DEPARTMENTS.filter((name) => !by[name])]
    .map((department) => ({
      department,
      ward: by[department] ?? null,
      last: last[department] ?? null,
      draft: drafts[department] ?? null
    }));
}

// What stands now, as somebody counted it: nothing where nobody knows.
export const counted = ({ ward, last }) => {
  if (ward?.is_known) return { free: ward.free, emergency: ward.emergency, staffed: ward.staffed ?? null };
  return last && { free: last.free, emergency: last.emergency, staffed: last.staffed ?? null };
};

export const MOST = 999;
// The number that was typed; nothing is not none.
export const typed = (text) => {
  const digits = text.replace(/\D/g, "");
  return digits ? Math.min(MOST, Number(digits)) : null;
};

// A count with this number in it, of the moment at which it was counted. 0 is a count, and is written.
export function changed(row, name, value, at) {
  const from = row.draft ?? (row.ward?.is_known ? counted(row) : null)
    ?? { free: null, emergency: null, staffed: null };
  const { free, emergency, staffed } = { ...from, [name]: value };
  return { free, emergency, staffed, at };
}

// Why a count cannot be sent as it is: what lacks; or more beds than have their staff, as it is said now or
// was said last.
export function against({ free, emergency, staffed }, { ward, last } = {}) {
  if (free == null || emergency == null) return "count_lacks";
  const most = staffed ?? ward?.staffed ?? last?.staffed;
  return most != null && free + emergency > most ? "more_than_staffed" : null;
}

// A number far above all that was reported here is asked for once more. How far is our own choice (design):
// more than twice as many and ten; a hundred where nothing was ever reported.
const FAR = { times: 2, beds: 10, unknown: 100 };
export function far({ free, emergency, staffed }, { ward, last }) {
  const most = Math.max(free ?? 0, emergency ?? 0, staffed ?? 0);
  const before = [ward, last].filter(Boolean).flatMap((one) => COUNTS.map((name) => one[name]))
    .filter((n) => n != null);
  const limit = before.length
    ? Math.max(FAR.times * Math.max(...before), Math.max(...before) + FAR.beds)
    : FAR.unknown - 1;
  return most > limit ? { n: most, before: before.length ? Math.max(...before) : null } : null;
}

export const isOpen = (draft, ward) => draft && (!ward?.is_known
  || COUNTS.some((name) => (draft[name] ?? null) !== (ward[name] ?? null))
  || ms(draft.at) > ms(ward.reported_at));

// Whether a department has fewer emergency beds than it keeps, by what stands.
export const lacks = (ward, kept) => Boolean(ward?.lacks_since)
  || (ward?.is_known && kept != null && ward.emergency < kept);

// What advice may last: the whole of what the house allows, half of it, a quarter.
export const lasts = (longest) => (longest ? [longest / 8, longest / 4, longest / 2, longest] : []);

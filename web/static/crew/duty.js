// Who acts with this phone: enrolled once, then a duty for each person of the crew, kept without a line.

import { ask, own } from "../kit/api.js";
import { setClock } from "../kit/clock.js";
import { keep, kept } from "../kit/keep.js";
import { both } from "../kit/language.js";

// {enrolled, duties, acting}: as last known here, so that the page opens in a dead zone.
export async function recall() {
  return { enrolled: null, duties: [], acting: null, ...(await kept("notes", "duty")) };
}

async function remember(known) {
  await keep("notes", "duty", known);
  return known;
}

// As the boards say it now. Throws a Problem where there is no line.
export async function refresh(before) {
  const asked = Date.now();
  const { enrolled, now } = await own("GET", "handset");
  setClock(now, asked, Date.now());
  await keep("notes", "clock", new Date(now).getTime() - (asked + Date.now()) / 2);
  return settle({ ...before, enrolled, duties: enrolled ? await own("GET", "duties") : [] });
}

// The clock of the last time there was a line.
export async function recallClock() {
  const offset = await kept("notes", "clock");
  if (offset != null) setClock(Date.now() + offset);
}

// By spoken names a crew know each other: this phone alone keeps them, while they are on duty.
export function settle(known) {
  const acting = known.duties.some((one) => one.duty_id === known.acting)
    ? known.acting
    : known.duties[known.duties.length - 1]?.duty_id ?? null;
  const names = Object.fromEntries(known.duties.map(({ name }) => [name, known.names?.[name] ?? {}]));
  return remember({
    ...known, acting, names, duties: known.duties.map((one) => ({ ...one, spoken: names[one.name] }))
  });
}

// Whoever has just signed on with this phone acts.
export const begun = (known, who) => settle({
  ...known,
  names: { ...known.names, [who.name]: who.spoken },
  acting: known.duties[known.duties.length - 1]?.duty_id
});
export const calledOf = (duty) => both(duty.spoken) || duty.name;

export const enrol = (code) => own("POST", "handset", { code });
export const signOn = (unit) => own("POST", "duties", { unit_id: unit });
const signOff = (duty) => own("DELETE", `duties/${duty}`);
// Whoever leaves signs out as well: the next tap on a unit is not to be theirs. Somebody else's sign-in stays.
export async function leave({ duty_id: duty, name }) {
  await signOff(duty);
  const who = await session().catch((problem) => {
    if (!problem.isSignedOut && problem.status !== 401) throw problem;
    return null;
  });
  if (who?.name === name) await signOut(false);
}
export const switchTo = (known, acting) => settle({ ...known, acting });
export const actingOf = (known) => known.duties.find((one) => one.duty_id === known.acting) ?? null;
export const session = () => own("GET", "session");
// Signed out at the provider too, and back to this page; `isNext`: where another of the crew signs in.
export async function signOut(isNext = true) {
  const { to } = await own("POST", "sign-out");
  const there = new URL(to, location.href);
  const back = there.searchParams.get("post_logout_redirect_uri");
  if (back) there.searchParams.set("post_logout_redirect_uri", new URL("/crew/", back).href);
  if (isNext) sessionStorage.setItem("signs-on", "yes");
  location.assign(there);
}
export function signsOn() {
  const does = location.hash === "#sign-on" || sessionStorage.getItem("signs-on") !== null;
  sessionStorage.removeItem("signs-on");
  return does;
}
export const unitNames = () => ask("dispatch", "GET", "unit-names");

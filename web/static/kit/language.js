// Chinese first, English by a switch. Each page names the catalogues that it uses; a key that is in
// none is shown as itself, and a test finds it.

import zhCodes from "../words/zh/codes.js";
import enCodes from "../words/en/codes.js";
import zhCommon from "../words/zh/common.js";
import enCommon from "../words/en/common.js";

const KEPT = "greenchannel.language";
const words = { zh: { ...zhCommon }, en: { ...enCommon } };
const codes = { zh: zhCodes, en: enCodes };
const listeners = new Set();
let current = "zh";

try { current = localStorage.getItem(KEPT) === "en" ? "en" : "zh"; } catch { /* a browser that keeps nothing */ }
document.documentElement.lang = current === "zh" ? "zh-CN" : "en";

// Add the words of a page: `use({ zh, en })`.
export function use(more) {
  Object.assign(words.zh, more.zh);
  Object.assign(words.en, more.en);
}

export const language = () => current;

// Told with the new language; returns what ends it.
export function onLanguage(tell) {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export function switchLanguage(to = current === "zh" ? "en" : "zh") {
  current = to;
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  try { localStorage.setItem(KEPT, current); } catch { /* until the page is closed, then */ }
  for (const tell of listeners) tell(current);
}

export const says = (key) => key in words[current];

// The words of a key, with {name} filled in.
export function say(key, given = {}) {
  const text = words[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => given[name] ?? "");
}

// A code of ours in words: code("findings", "shock"). What nobody has translated is shown as it is.
export const code = (kind, value) =>
  codes[current][kind]?.[value] ?? words[current][`${kind}.${value}`] ?? String(value ?? "");

// A text that comes in both languages.
export const both = (text) => text?.[current] || text?.zh || text?.en || "";

const digits = Array.from({ length: 4 }, (_, most) =>
  new Intl.NumberFormat("en-US", { maximumFractionDigits: most, useGrouping: false }));
export const figure = (number, most = 1) => (number == null ? "" : digits[most].format(Number(number)));

// How much was given, as exactly as it was said. The code of a microgram is not how it is written.
const WRITTEN = { ug: "μg" };
export const dose = ({ dose: amount, unit }) =>
  (amount == null ? "" : ` ${Number(amount)} ${WRITTEN[unit] ?? unit ?? ""}`);

// What is asked for or missing, whatever kind it is of.
const KINDS = ["vitals", "examinations", "findings", "treatments", "complaints", "words"];
export function item(name) {
  const kind = KINDS.find((each) => codes[current][each]?.[name]);
  return kind ? codes[current][kind][name] : say(`item.${name}`);
}

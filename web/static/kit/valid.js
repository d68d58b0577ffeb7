// What a browser says of a field that is not filled in correctly, in the language of the page.

import { say } from "./language.js";

const ours = new Set();

// One sentence on a field, or nothing where it is as it has to be. `title` says how it has to look.
function wrongWith({ validity, title, min, max }) {
  if (validity.valid) return "";
  if (validity.valueMissing) return say("field_missing");
  if (validity.rangeUnderflow || validity.rangeOverflow) return say("field_range", { min, max });
  return title ? say("field_form", { form: title }) : say("field_wrong");
}

// What a page itself has said of a field is better, and stands.
function judge({ target: field }) {
  if (ours.has(field)) field.setCustomValidity("");
  if (field.validity.customError) return;
  field.setCustomValidity(wrongWith(field));
  ours.add(field);
}

// Whoever types or presses may have mended it: the browser judges anew.
function clear() {
  for (const field of ours) field.setCustomValidity("");
  ours.clear();
}

// For every form of this page, now and later.
export function mindForms() {
  document.addEventListener("invalid", judge, true);
  for (const kind of ["input", "click"]) document.addEventListener(kind, clear, true);
}

// The sheets of a patient, by their names; and what stands behind "more".

import { html } from "../kit/html.js";
import { say } from "../kit/language.js";
import { ArrestOn } from "./arrest.js";
import { Background } from "./background.js";
import { Drugs } from "./drugs.js";
import { Ecg } from "./ecg.js";
import { HandOn, Level, Outcome, Unboard } from "./ends.js";
import { Entered } from "./entered.js";
import { Fast, Findings, Mechanism, Obstetric, Scale } from "./findings.js";
import { isAboard, stampsOf } from "./mission.js";
import { Monitor } from "./monitor.js";
import { Sheet } from "./parts.js";
import { Another, Person, Well } from "./people.js";
import { Sign } from "./sign.js";
import { Vitals } from "./vitals.js";

const MORE = ["entered", "person", "another", "level", "unboard", "handon", "outcome", "sign"];

function More({ patient, mission, acts, onSheet, onClose }) {
  // Who was never reported aboard and stands at the door all the same is signed for there, with a reason.
  const isThere = stampsOf(mission, acts).done.has("at_destination");
  const can = {
    sign: Boolean(patient.destination && (patient.boarded_at || isThere)),
    unboard: isAboard(patient)
  };
  return html`<${Sheet} title=${say("pad.more")} onClose=${onClose}>
    <div class="stack">
      ${MORE.filter((name) => can[name] !== false).map((name) => html`<button class="huge" key=${name}
        data-sheet=${name} onClick=${() => onSheet(name)}>${say(`more.${name}`)}</button>`)}
    </div>
  </${Sheet}>`;
}

export const SHEETS = {
  vitals: Vitals, ecg: Ecg, fast: Fast, drugs: Drugs, findings: Findings, mechanism: Mechanism,
  obstetric: Obstetric, background: Background, monitor: Monitor,
  lams: (given) => html`<${Scale} ...${given} scale="lams" />`,
  person: Person, well: Well, another: Another, entered: Entered, level: Level, handon: HandOn, unboard: Unboard,
  outcome: Outcome, sign: Sign, more: More, arrest: ArrestOn,
};

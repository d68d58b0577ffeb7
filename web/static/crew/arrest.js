// A heart that has stopped: said by two taps, since when it runs, and what ended it. An arrest that runs
// is not begun anew; a tap on it asks.

import { ms, running, secondOf, Ticking } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { say } from "../kit/language.js";
import { giveUp } from "./line.js";
import { arrestOf, isOver } from "./mission.js";
import { Choice, REASONS_BACK, Sheet, Twice } from "./parts.js";

const Since = ({ at }) => html`<${Ticking} of=${(t) => running(t - ms(at))} />`;
const rosc = (patient, act) => act.finding(patient, "rosc", true, null, { undo: true });

export function Arrest({ patient, acts, act, onSheet }) {
  const { run: [began], rosc: back } = arrestOf(acts, patient.encounter_id);
  // Whoever has taken them over counts on.
  if (isOver(patient)) return (began || back) && html`<p class="over" data-past="arrest">
    ${say("arrest_on_record")} · ${began ? say("since", { at: secondOf(began.at) }) : `ROSC ✓ ${secondOf(back.at)}`}
  </p>`;
  // A caller may have told of it before anybody was there.
  const wasTold = began || (patient.patient?.complaint === "cardiac_arrest" && !back);
  return html`<div class="arrest">
    ${began
      ? html`<button class="arrest-on" onClick=${() => onSheet("arrest")}>
          <b>${say("arrest_on")} <${Since} at=${began.at} /></b>
          <small>${say("since", { at: secondOf(began.at) })}</small>
        </button>`
      : html`<${Twice} text=${say("arrest")} armed=${say("arrest_again")}
          onDone=${() => act.finding(patient, "cardiac_arrest", true)} />`}
    ${wasTold && html`<button class="rosc" onClick=${() => rosc(patient, act)}>${say("rosc")}</button>`}
    ${back && html`<p class="is-known" role="status"><b>ROSC ✓</b> ${secondOf(back.at)}</p>`}
  </div>`;
}

// What became of the arrest that runs.
export function ArrestOn({ patient, acts, act, onSheet, onClose }) {
  const { run } = arrestOf(acts, patient.encounter_id);
  if (!run.length) return null;
  const done = () => { rosc(patient, act); onClose(); };
  const takeBack = (why) => {
    for (const one of run) if (one.state === "done") act.retract(patient, one, why); else giveUp(one);
    onClose();
  };
  return html`<${Sheet} title=${say("arrest_on")} onClose=${onClose}>
    <p class="over">
      <b><${Since} at=${run[0].at} /></b> · ${say("since", { at: secondOf(run[0].at) })} · ${say("arrest_goes_on")}
    </p>
    <button class="primary huge" onClick=${done}>${say("rosc")}</button>
    <button class="huge" onClick=${() => onSheet("outcome")}>${say("arrest_outcome")}</button>
    <${Choice} name="why" label=${say("arrest_was_none")}
      options=${REASONS_BACK.map((why) => [why, say(`back.${why}`)])} onPick=${takeBack} />
  </${Sheet}>`;
}

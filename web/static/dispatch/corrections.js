// What turns out otherwise: times that were wrong, a call that was another after all, more patients, who
// was called back. Nothing is overwritten; the indicators follow.

import { secondOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import { momentOf, rightNow, typed, When } from "../kit/when.js";
import { addressOf } from "./row.js";
import { Choice, Field, Reason, Sending } from "./sending.js";

const TIMES = ["received", "answered", "accepted"];

// A time that is corrected: `how` is "stands", "was" with a moment, or "never".
const untouched = (moment) => ({ how: "stands", when: moment ? typed(moment) : rightNow() });
const corrected = ({ how, when }) => (how === "never" ? null : momentOf(when));
const isWrong = ({ how, when }) => how === "was" && momentOf(when) === null;

function Time({ name, is, value, set, options }) {
  return html`<fieldset class="time"><legend>${name} <b>${is ? secondOf(is) : say("unknown")}</b></legend>
    <${Choice} name=${name} value=${value.how} onPick=${(how) => set({ ...value, how })}
      options=${options.map((how) => [how, say(`time_how.${how}`)])} />
    ${value.how === "was" && html`<${When} value=${value.when} onChange=${(when) => set({ ...value, when })} />`}
  </fieldset>`;
}

function CallTimes({ call, ...more }) {
  const [times, set] = useState(() =>
    Object.fromEntries(TIMES.map((name) => [name, untouched(call.call[`${name}_at`])])));
  const [reason, setReason] = useState("");
  const body = () => {
    const changed = TIMES.filter((name) => times[name].how !== "stands");
    if (!changed.length || changed.some((name) => isWrong(times[name])) || !reason.trim()) return null;
    return {
      ...Object.fromEntries(changed.map((name) => [`${name}_at`, corrected(times[name])])),
      reason: reason.trim()
    };
  };
  return html`<${Sending} ...${more} call=${call} title=${say("do.call_times")} go=${say("confirm")}
      path=${`incidents/${call.incident_id}/call-correction`} body=${body}>
    <p class="aside">${say("correction_means")}</p>
    ${TIMES.map((name) => html`<${Time} key=${name} name=${say(`time.${name}`)}
      is=${call.call[`${name}_at`]} value=${times[name]} set=${(value) => set({ ...times, [name]: value })}
      options=${["stands", "was", "never"]} />`)}
    <${Reason} value=${reason} set=${setReason} />
  </${Sending}>`;
}

function StampTime({ call, leg, stamp, ...more }) {
  const [time, set] = useState(() => ({ ...untouched(stamp.occurred_at), how: null }));
  const [reason, setReason] = useState("");
  const body = () => (time.how && !isWrong(time) && reason.trim()
    ? { corrected_to: corrected(time), reason: reason.trim() }
    : null);
  return html`<${Sending} ...${more} call=${call} title=${say("do.stamp_time")} go=${say("confirm")}
      path=${`legs/${leg.leg_id}/stamps/${stamp.stamp_id}/correction`} body=${body}>
    <p class="aside">${say("correction_means")}</p>
    <${Time} name=${`${leg.unit_id} · ${say(`stamp.${stamp.status}`)} · ${say(`by.${stamp.source}`)}`}
      is=${stamp.occurred_at} value=${time} set=${set} options=${["was", "never"]} />
    <${Reason} value=${reason} set=${setReason} />
  </${Sending}>`;
}

function Unmerge({ call, known, ...more }) {
  const [reason, setReason] = useState("");
  const other = known.calls.get(call.merged_into);
  return html`<${Sending} ...${more} call=${call} title=${say("do.unmerge")} go=${say("confirm")}
      path=${`incidents/${call.incident_id}/unmerge`}
      body=${() => (reason.trim() ? { out_of: call.merged_into, reason: reason.trim() } : null)}>
    <p class="aside">${say("unmerge_means", { other: other ? addressOf(other) : call.merged_into })}</p>
    <${Reason} value=${reason} set=${setReason} />
  </${Sending}>`;
}

function CalledBack({ call, ...more }) {
  const [answered, set] = useState(null);
  return html`<${Sending} ...${more} call=${call} title=${say("do.call_back")} go=${say("confirm")}
      path=${`incidents/${call.incident_id}/call-backs`} body=${() => (answered === null ? null : { answered })}>
    <p class="aside">${say("call_back_means")}</p>
    <${Choice} name=${say("do.call_back")} value=${answered} onPick=${set}
      options=${[[true, say("call_back.answered")], [false, say("call_back.silent")]]} />
  </${Sending}>`;
}

const COUNTS = [1, 2, 3, 4];
// So many are taken at once.
const MOST = 50;
export const tooMany = (count) => (count > MOST || count < 0 ? say("at_most", { n: MOST }) : null);
function Patients({ call, ...more }) {
  const [count, set] = useState(null);
  const many = count != null && !COUNTS.includes(count);
  return html`<${Sending} ...${more} call=${call} title=${say("do.patients")} go=${say("confirm")}
      path=${`incidents/${call.incident_id}/patients`}
      body=${() => tooMany(count) ?? (count ? { patients: Array.from({ length: count }, () => ({})) } : null)}>
    <p class="aside">${say("patients_mean")}</p>
    <${Choice} name=${say("how_many")} value=${many ? null : count} onPick=${set}
      options=${COUNTS.map((n) => [n, `+${n}`])} />
    <${Field} name=${say("more_than", { n: COUNTS.at(-1) })}>
      <input inputmode="numeric" name="count" value=${many ? count : ""}
        onInput=${(e) => set(Math.trunc(+e.target.value) || null)} />
    </${Field}>
  </${Sending}>`;
}

export const CORRECTIONS = {
  call_times: CallTimes,
  stamp_time: StampTime,
  unmerge: Unmerge,
  call_back: CalledBack,
  patients: Patients
};

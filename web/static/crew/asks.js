// What the services miss, asked in place: one tap answers, and "cannot" is an answer too.

import { ms } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { both, item, language, say } from "../kit/language.js";
import { asked, entered, findingOf } from "./mission.js";
import { Choice } from "./parts.js";

// How an item is answered. What stands in none of these is a finding.
const VITALS = [
  "heart_rate", "respiratory_rate", "spo2", "blood_pressure", "systolic_bp", "diastolic_bp", "temperature",
  "blood_glucose", "potassium", "fetal_heart_rate", "pain", "gcs_eye", "gcs_verbal", "gcs_motor", "gcs"
];
const SCALES = ["lams", "race", "fast_ed", "pews"];
const FAST = ["facial_droop", "arm_drift", "abnormal_speech"];
const PEOPLE = ["age", "gestation", "pregnancy", "birth_time"];
const NUMBERS = { blood_pressure: ["systolic_bp", "diastolic_bp"], gcs: ["gcs_eye", "gcs_verbal", "gcs_motor"] };

// An answer takes its question away: what was told is shown, and can be undone as long as a stamp. What was said
// of a heart that stopped goes at once.
const TOLD = { undo: true, isBrief: true };

const isMeasured = (name) => VITALS.includes(name);
const isNamed = (name) => item(name) !== `item.${name}`;
const named = (name) => (isNamed(name) ? item(name) : say(`item.${name}`));

function Fast({ patient, acts, act }) {
  const yes = (name) => findingOf(acts, patient.encounter_id, name);
  return html`<section class="ask fast">
    <h3>${say("ask.fast")}</h3>
    ${FAST.map((name) => html`<${Choice} key=${name} name=${name} label=${say(`fast.${name}`)} is=${yes(name)}
      options=${[[true, say(`fast.${name}.yes`)], [false, say(`fast.${name}.no`)]]}
      onPick=${(present) => act.finding(patient, name, present, null, TOLD)} />`)}
  </section>`;
}

function One({ name, patient, acts, act, onSheet }) {
  const pass = () => act.cannot(patient, name);
  const cannot = [null, say("cannot")];
  if (name === "ecg_12_lead") {
    return html`<section class="ask" data-ask=${name}>
      <${Choice} name=${name} label=${say("ask.ecg")}
        onPick=${(shows) => (shows === null ? pass()
          : shows === "photo" ? onSheet("ecg") : act.examination(patient, "ecg_12_lead", shows, null, null, TOLD))}
        options=${[
          ["st_elevation", say("ecg.up")],
          ["no_st_elevation", say("ecg.none")],
          ["not_readable", say("ecg.unreadable")],
          ["photo", say("ecg.photo")],
          cannot
        ]} />
    </section>`;
  }
  if (name === "on_oxygen" || name === "oxygen") {
    return html`<section class="ask" data-ask=${name}>
      <${Choice} name=${name} label=${say("ask.oxygen")}
        onPick=${(is) => (is === null ? pass() : act.vitals(patient, { on_oxygen: is }, null, TOLD))}
        options=${[[true, say("oxygen_yes")], [false, say("oxygen_no")], cannot]} />
    </section>`;
  }
  if (name === "consciousness") {
    return html`<section class="ask" data-ask=${name}>
      <${Choice} name=${name} label=${say("ask.consciousness")}
        onPick=${(is) => (is === null ? pass() : act.vitals(patient, { consciousness: is }, null, TOLD))}
        options=${[..."ACVPU"].map((word) => [word, `${word} ${say(`acvpu.${word}`)}`]).concat([cannot])} />
    </section>`;
  }
  const sheet = SCALES.includes(name) ? name
    : name === "last_known_well" ? "well" : PEOPLE.includes(name) ? "person" : null;
  if (sheet) {
    return html`<section class="ask" data-ask=${name}>
      <${Choice} name=${name}
        label=${say(name === "last_known_well" ? "ask.well" : "ask.measure", { what: named(name) })}
        onPick=${(what) => (what ? onSheet(sheet) : pass())}
        options=${[["enter", say("enter_value"), "primary"], [null, say("not_known")]]} />
    </section>`;
  }
  return html`<section class="ask" data-ask=${name}>
    <${Choice} name=${name} label=${say("ask.finding", { what: named(name) })}
      is=${findingOf(acts, patient.encounter_id, name)}
      onPick=${(is) => (is === null ? pass()
        : act.finding(patient, name, is, null, name === "cardiac_arrest" ? {} : TOLD))}
      options=${[[true, say("there_is")], [false, say("there_is_not")], [null, say("not_known")]]} />
  </section>`;
}

// What has to be measured, in one card: each is typed in one sheet, or said to be unmeasurable in one tap.
function Measure({ names, patient, act, onSheet }) {
  const of = names.flatMap((name) => NUMBERS[name] ?? [name]);
  const each = Object.fromEntries(of.map((name) => [name, "unmeasurable"]));
  return html`<section class="ask" data-ask="measure">
    <${Choice} name="measure" label=${say("ask.measures", { what: names.map(named).join(say("comma")) })}
      onPick=${(what) => {
        if (what === "enter") onSheet("vitals", of[0]);
        else if (what === "unmeasurable") act.vitals(patient, each, null, TOLD);
        else for (const name of names) act.cannot(patient, name);
      }}
      options=${[
        ["enter", say("enter_value"), "primary"],
        ...(names.length === 1 ? [["unmeasurable", say("unmeasurable")]] : []),
        [null, say("not_possible")]
      ]} />
  </section>`;
}

// What the monitor has lost, and what has to be measured or looked at: the service's own words. That
// nothing but the leads is off can be said of a pulse or a breath that was lost, and of nothing else.
const BY_LEADS = new Set(["heart_rate", "respiratory_rate"]);
function Words({ text, lost, again, patient, act, onSheet }) {
  const options = [
    ...(BY_LEADS.has(lost) ? [["off", say("leads_off")]] : []),
    ["vitals", say("measure_by_hand"), "primary"],
    ...(lost || again ? [] : [["ecg", say("pad.ecg")], ["findings", say("pad.findings")]]),
    [null, say("not_possible")],
  ];
  return html`<section class=${lost ? "ask lost" : "ask"} data-ask="words">
    <${Choice} label=${both(text)} name="words" options=${options}
      onPick=${(what) => {
        if (what === "off") act.finding(patient, "cardiac_arrest", false);
        else if (what) onSheet(what, again ? (NUMBERS[again] ?? [again])[0] : undefined);
        else act.cannot(patient, `words:${text.en}`);
      }} />
  </section>`;
}

// What was answered here since the service last asked is asked no more, also while nothing can be sent.
function isAnswered(patient, acts, name) {
  const id = patient.encounter_id;
  const after = ms(patient.triage?.decided_at) ?? 0;
  const of = NUMBERS[name] ?? [name === "oxygen" ? "on_oxygen" : name];
  // A value that the service does not use is no answer.
  const says = (one) => of.some((each) => each in one.body.vitals && !one.answer?.invalid?.includes(each));
  const found = entered(acts, id, (one) => (one.code === name && one.kind !== "cannot")
    || (one.kind === "vitals" && says(one)));
  return found && (found.state !== "done" || ms(found.at) >= after - 60_000);
}

export function Asks({ patient, acts, act, onSheet }) {
  const { items, words } = asked(patient);
  const passed = (name) => entered(acts, patient.encounter_id, (one) => one.kind === "cannot" && one.code === name);
  // It stays until all three are said, though triage asks no more once one is abnormal.
  const looked = FAST.filter((name) => findingOf(acts, patient.encounter_id, name) !== null);
  const isFast = looked.length < FAST.length && (looked.length > 0 || items.some((name) => FAST.includes(name)));
  const open = items.filter((name) => !passed(name) && !FAST.includes(name) && !isAnswered(patient, acts, name));
  const loud = words.filter(({ text }) => !passed(`words:${text.en}`));
  const unknown = items.filter((name) => passed(name));
  if (!open.length && !loud.length && !isFast && !unknown.length) return null;
  return html`<section class="asks" aria-label=${say("asked")} lang=${language() === "zh" ? "zh-CN" : "en"}>
    ${loud.map(({ text, lost, again }) => html`<${Words} key=${text.en} text=${text} lost=${lost} again=${again}
      patient=${patient} act=${act} onSheet=${onSheet} />`)}
    ${isFast && html`<${Fast} patient=${patient} acts=${acts} act=${act} />`}
    ${open.some(isMeasured) && html`<${Measure} names=${open.filter(isMeasured)}
      patient=${patient} act=${act} onSheet=${onSheet} />`}
    ${open.filter((name) => !isMeasured(name)).map((name) => html`<${One} key=${name} name=${name}
      patient=${patient} acts=${acts} act=${act} onSheet=${onSheet} />`)}
    ${unknown.length > 0 && html`<p class="unknowns">
      ${say("asked_unknown")}: ${unknown.map((name) => html`
        <button key=${name} class="quiet" onClick=${() => act.reopen(patient, name)}>${named(name)}</button>`)}
    </p>`}
  </section>`;
}

// How it ends or goes on: outcome, a refusal with a signature, another unit, a level of one's own.

import { html, useEffect, useRef, useState } from "../kit/html.js";
import { timeOf } from "../kit/clock.js";
import { both, code, say } from "../kit/language.js";
import { entered, lacksOf } from "./mission.js";
import { Choice, Sheet, When } from "./parts.js";

const OUTCOMES = [
  "refused_treatment", "refused_transport", "treated_not_transported", "dead_on_scene", "died_en_route",
  "no_patient", "left_by_other_means", "handed_to_other"
];
const REFUSALS = new Set(["refused_treatment", "refused_transport"]);
// Of these levels it is said that the record stands against the patient's own decision.
const GRAVE = ["critical", "severe"];
const SIGNERS = ["patient", "relative", "witness", "nobody"];

// Drawn with a finger; a picture of it is what is kept.
function Signature({ onDrawn }) {
  const canvas = useRef();
  const last = useRef(null);
  const [isEmpty, setEmpty] = useState(true);
  const paper = () => {
    const node = canvas.current;
    const pen = node.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, node.width, node.height);
    Object.assign(pen, { lineWidth: 4, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    setEmpty(true);
    onDrawn(null);
  };
  useEffect(paper, []);
  const where = (event) => {
    const box = canvas.current.getBoundingClientRect();
    return [
      (event.clientX - box.left) * (canvas.current.width / box.width),
      (event.clientY - box.top) * (canvas.current.height / box.height)
    ];
  };
  const draw = (event) => {
    if (!last.current) return;
    const pen = canvas.current.getContext("2d");
    pen.beginPath();
    pen.moveTo(...last.current);
    last.current = where(event);
    pen.lineTo(...last.current);
    pen.stroke();
  };
  const end = () => {
    if (!last.current) return;
    last.current = null;
    setEmpty(false);
    canvas.current.toBlob(onDrawn, "image/png");
  };
  return html`<div class="signature">
    <canvas ref=${canvas} width="640" height="280" role="img" aria-label=${say("sign_here")}
      onPointerDown=${(event) => {
        event.target.setPointerCapture(event.pointerId);
        last.current = where(event);
      }}
      onPointerMove=${draw} onPointerUp=${end} onPointerCancel=${end}></canvas>
    <p>
      <span>${isEmpty ? say("sign_here") : say("signed")}</span>
      <button onClick=${paper}>${say("erase")}</button>
    </p>
  </div>`;
}

// What is on record that speaks against a decision of the patient's own.
function Against({ patient, acts }) {
  const id = patient.encounter_id;
  const arrest = entered(acts, id,
    (one) => one.kind === "finding" && one.code === "cardiac_arrest" && one.body.present);
  const mind = entered(acts, id,
    (one) => one.kind === "vitals" && one.body.vitals.consciousness)?.body.vitals.consciousness;
  const told = ["cardiac_arrest", "unconscious", "altered_consciousness"]
    .find((name) => name === patient.patient?.complaint);
  const grave = GRAVE.includes(patient.level)
    ? (patient.triage?.reasons ?? []).filter((reason) => reason.level === patient.level)
      .map((reason) => both(reason.text))
    : null;
  const lines = [
    arrest && `${say("arrest_on_record")} ${timeOf(arrest.at)}`,
    mind && mind !== "A" && `${say("ask.consciousness")}: ${mind} ${code("consciousness", mind)}`,
    told && `${say("complaint")}: ${code("complaints", told)}`,
    grave && [code("levels", patient.level), ...grave].join(" · "),
  ].filter(Boolean);
  return lines.length > 0 && html`<div class="against" role="alert">
    <b>${say("against_refusal")}</b>
    <ul>${lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
  </div>`;
}

// Who refuses was seen and measured, or the record says that they were not: asked for, and never in the way.
// What is asked on this page itself stands on the button alone.
function Lacks({ lacks: all, patient, act, onSheet }) {
  const lacks = all.filter((name) => name === "reached" || name === "vitals");
  const [at, setAt] = useState(null);
  const [isOpen, setOpen] = useState(false);
  return lacks.length > 0 && html`<div class="against lacks" role="alert">
    <b>${say("record_lacks")}</b>
    ${lacks.includes("reached") && html`<p data-lacks="reached">
      <span>${say("lacks.reached")}</span>
      <button aria-expanded=${isOpen ? "true" : "false"} onClick=${() => setOpen(!isOpen)}>
        ${say("enter_later")}
      </button>
    </p>`}
    ${lacks.includes("reached") && isOpen && html`
      <${When} at=${at} onAt=${setAt} />
      <button class="huge" data-stamp="reached" onClick=${() => act.seen(patient, at)}>
        ${say("record")} · ${say("do.reached")}
      </button>`}
    ${lacks.includes("vitals") && html`<p data-lacks="vitals">
      <span>${say("lacks.vitals")}</span>
      <button onClick=${() => onSheet("vitals")}>${say("measure_by_hand")}</button>
    </p>`}
  </div>`;
}

// Whether a monitor on the patient has said anything: null, while nobody can tell.
function useHeard(patient, act) {
  const isOn = (patient.devices ?? []).length > 0 && !patient.isLocal;
  const [isHeard, setHeard] = useState(isOn ? null : false);
  useEffect(() => {
    let isOver = false;
    if (isOn) act.heard(patient).then(
      (list) => { if (!isOver) setHeard(list.some((one) => one.heard_at)); }, () => {});
    return () => { isOver = true; };
  }, [patient.encounter_id, isOn]);
  return isHeard;
}

const YES_NO = () => [[true, say("yes")], [false, say("no")]];

export function Outcome({ patient, acts, act, onSheet, onClose }) {
  const isHeard = useHeard(patient, act);
  const [outcome, setOutcome] = useState(null);
  const [able, setAble] = useState({ conscious: null, understands: null });
  const [signer, setSigner] = useState(null);
  const [risk, setRisk] = useState("");
  const [picture, setPicture] = useState(null);
  const isRefusal = REFUSALS.has(outcome);
  const missing = isRefusal ? lacksOf(patient, acts, isHeard, { ...able, told_of: risk }) : [];
  // Who is not awake, or does not understand, refuses nothing: somebody else may sign, and is named as such.
  const isAble = able.conscious && able.understands;
  const signs = signer && signer !== "nobody" && (signer !== "patient" || isAble);
  const lacks = !outcome || (isRefusal && (!signer || (signer !== "nobody" && !(signs && picture))));
  const save = () => {
    const judged = Object.fromEntries(Object.entries(able).filter(([, is]) => is !== null));
    const refusal = isRefusal
      ? { signed_by: signer, ...judged, ...(risk.trim() ? { told_of: risk.trim() } : {}) }
      : null;
    act.outcome(patient, outcome, refusal, signer === "nobody" ? null : picture);
    onClose();
  };
  return html`<${Sheet} title=${say("more.outcome")} onClose=${onClose}>
    <div class="rows">
      <${Choice} name="outcome" label=${say("outcome_which")} is=${outcome}
        options=${OUTCOMES.map((name) => [name, say(`outcome.${name}`)])} onPick=${setOutcome} />
      ${isRefusal && html`
        <${Against} patient=${patient} acts=${acts} />
        <${Lacks} lacks=${missing} patient=${patient} act=${act} onSheet=${onSheet} />
        ${Object.keys(able).map((name) => html`<${Choice} key=${name} name=${name} label=${say(`able.${name}`)}
          is=${able[name]} options=${YES_NO()} onPick=${(is) => setAble({ ...able, [name]: is })} />`)}
        <label class="field">
          <span>${say("risk_told")}</span>
          <textarea value=${risk} maxlength="500" onInput=${(event) => setRisk(event.target.value)}></textarea>
        </label>
        <${Choice} name="signed_by" label=${say("signed_by")} is=${signer}
          options=${SIGNERS.map((who) => [who, say(`signer.${who}`)])} onPick=${setSigner} />
        ${signer === "patient" && !isAble && html`<p class="wrong" role="alert">
          ${say(Object.values(able).includes(false) ? "not_able" : "able_first")}
        </p>`}
        ${signs && html`<${Signature} key=${signer} onDrawn=${setPicture} />`}
        <p class="dim">${say("signer_unnamed")}</p>`}
    </div>
    <p class="dim">${say("outcome_means")}</p>
    <button class="grave huge" disabled=${lacks} onClick=${save}>
      ${lacks && isRefusal ? say("signature_lacks")
        : missing.length ? say("outcome_record_lacks", {
          what: missing.map((name) => say(`lacks.${name}`)).join(say("comma"))
        })
          : say("outcome_record")}
    </button>
  </${Sheet}>`;
}

// The patient is not aboard after all: a slip, another patient, or they have got off again.
const NOT_ABOARD = ["slip", "wrong_patient", "got_off"];
export function Unboard({ patient, act, onClose }) {
  const [reason, setReason] = useState("");
  return html`<${Sheet} title=${say("more.unboard")} onClose=${onClose}>
    <p>${say("unboard_means", {
      at: timeOf(patient.boarded_at ?? patient.boarding?.at), number: patient.admission_number ?? "—"
    })}</p>
    <div class="rows">
      <${Choice} name="reason" label=${say("take_back_why")} is=${reason}
        options=${NOT_ABOARD.map((name) => [say(`unboard.${name}`), say(`unboard.${name}`)])} onPick=${setReason} />
      <label class="field">
        <span>${say("reason")} · ${say("required")} · ${say("no_names")}</span>
        <input value=${reason} maxlength="200" onInput=${(event) => setReason(event.target.value)} />
      </label>
    </div>
    <button class="grave huge" disabled=${!reason.trim()} onClick=${() => {
      act.unboard(patient, reason.trim());
      onClose();
    }}>${say("more.unboard")}</button>
  </${Sheet}>`;
}

const REASONS = ["breakdown", "relay", "capability"];
export function HandOn({ mission, patient, act, onClose }) {
  const [to, setTo] = useState("");
  const [reason, setReason] = useState(null);
  const others = mission.other_units ?? [];
  return html`<${Sheet} title=${say("more.handon")} onClose=${onClose}>
    <div class="rows">
      ${others.length > 0 && html`<${Choice} name="to" label=${say("hand_to")} is=${to}
        options=${others.map((one) => [one.unit_id, `${one.unit_id} · ${say(`status.${one.status}`)}`])}
        onPick=${setTo} />`}
      <label class="field">
        <span>${say("hand_to_typed")}</span>
        <input value=${to} maxlength="64" onInput=${(event) => setTo(event.target.value)}
          autocomplete="off" spellcheck=${false} />
      </label>
      <${Choice} name="reason" label=${say("reason")} is=${reason}
        options=${REASONS.map((name) => [name, say(`hand_reason.${name}`)])} onPick=${setReason} />
    </div>
    <button class="primary huge" disabled=${!to.trim() || !reason} onClick=${() => {
      act.handOn(patient, to.trim(), reason);
      onClose();
    }}>${say("hand_on")}</button>
  </${Sheet}>`;
}

const LEVELS = ["critical", "severe", "urgent", "non_urgent"];
export function Level({ patient, act, onClose }) {
  const [level, setLevel] = useState(null);
  const [reason, setReason] = useState("");
  return html`<${Sheet} title=${say("more.level")} onClose=${onClose}>
    <p>${say("level_means", { level: code("levels", patient.level) })}</p>
    <div class="rows">
      <${Choice} name="level" label=${say("level_which")} is=${level}
        options=${LEVELS.map((name) => [name, code("levels", name), name])} onPick=${setLevel} />
      <label class="field">
        <span>${say("reason")} · ${say("required")}</span>
        <textarea value=${reason} maxlength="500" onInput=${(event) => setReason(event.target.value)}></textarea>
      </label>
    </div>
    <button class="primary huge" disabled=${!level || !reason.trim()} onClick=${() => {
      act.level(patient, level, reason.trim());
      onClose();
    }}>${say("record")}</button>
  </${Sheet}>`;
}

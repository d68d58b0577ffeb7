// Which monitor speaks for the patient: scanned where the browser can, chosen or typed elsewhere.

import { html, useEffect, useRef, useState } from "../kit/html.js";
import { keep, kept } from "../kit/keep.js";
import { ms, secondOf, span, Ticking } from "../kit/clock.js";
import { code, item, say } from "../kit/language.js";
import { measured } from "./mission.js";
import { Sheet } from "./parts.js";

const canScan = "BarcodeDetector" in globalThis && Boolean(navigator.mediaDevices?.getUserMedia);
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const LOOK_MS = 250;
const HEARD_MS = 5000;

// A number that does not exist is attached as well as any other: only what is heard of it tells.
export function Monitors({ patient, act, end }) {
  const devices = patient.devices ?? [];
  const [heard, setHeard] = useState({});
  useEffect(() => {
    if (!devices.length || patient.isLocal) return undefined;
    let isOver = false;
    const look = () => act.heard(patient).then((list) => {
      if (!isOver) setHeard(Object.fromEntries(list.map((one) => [one.device_id, one])));
    }, () => {});
    look();
    const timer = setInterval(look, HEARD_MS);
    return () => { isOver = true; clearInterval(timer); };
  }, [patient.encounter_id, devices.join(" ")]);
  return devices.map((device) => html`<div class="device" key=${device} data-device=${device}>
    <p><b>${device}</b> <${Heard} one=${heard[device]} /></p>
    ${end?.(device)}
  </div>`);
}

// A value in words where it is none by itself; whether there is oxygen says what it is about.
const inWords = (name, value) => (name === "on_oxygen" ? say(value ? "oxygen_yes" : "oxygen_no")
  : `${item(name)} ${name === "consciousness" ? `${value} ${code("consciousness", value)}` : value}`);

// What was measured by hand here, the newest of each, with its age.
export function ByHand({ acts, id }) {
  const found = Object.entries(measured(acts, id));
  if (!found.length) return null;
  return html`<p class="device by-hand">
    <b>${say("by_hand")}</b> ${found.map(([name, { value, at }], n) => html`${n ? say("comma") : " "}
      <span key=${name}>
        ${inWords(name, value)} <small><${Ticking} of=${(t) => span(t - ms(at))} /></small>
      </span>`)}
  </p>`;
}

const SAID = ["heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp", "temperature"];
function Heard({ one }) {
  if (!one) return null;
  if (!one.heard_at) return html`<span class="wrong" role="status">
    ${say("monitor_silent", { at: secondOf(one.attached_at) })}
  </span>`;
  const said = SAID.filter((name) => typeof one.vitals[name] === "number")
    .map((name) => `${item(name)} ${one.vitals[name]}`).join(say("comma"));
  return html`
    <${Ticking} of=${(t) => say("monitor_heard", { span: span(t - ms(one.heard_at)) })} /> <small>${said}</small>`;
}

// Looks until it has found one. `onWrong` is told why nothing will be found: without a camera, or
// where the browser has the interface and the phone nothing behind it.
function Scanner({ onFound, onWrong }) {
  const video = useRef();
  useEffect(() => {
    let stream = null;
    let timer = null;
    let isOver = false;
    const end = () => { isOver = true; clearInterval(timer); stream?.getTracks().forEach((track) => track.stop()); };
    const once = (tell) => (said) => { if (!isOver) { end(); tell(said); } };
    const found = once(onFound);
    const wrong = once(onWrong);
    const begin = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (isOver) { end(); return; } // the sheet was closed meanwhile
      video.current.srcObject = stream;
      await video.current.play();
      const detector = new BarcodeDetector();
      timer = setInterval(() => detector.detect(video.current).then(([code]) => {
        if (code && NAME.test(code.rawValue)) found(code.rawValue);
      }, (problem) => { if (problem.name === "NotSupportedError") wrong("no_scanner"); }), LOOK_MS);
    };
    begin().catch(() => wrong("no_camera"));
    return end;
  }, []);
  return html`<video ref=${video} class="scanner" muted playsinline aria-label=${say("scan")}></video>`;
}

export function Monitor({ patient, patients, act, onClose }) {
  const [known, setKnown] = useState([]);
  const [typed, setTyped] = useState("");
  const [scans, setScans] = useState(false);
  const [wrong, setWrong] = useState("");
  useEffect(() => { kept("notes", "monitors").then((list) => setKnown(list ?? [])); }, []);
  const attach = async (device) => {
    await act.attach(patient, device);
    await keep("notes", "monitors", [device, ...known.filter((other) => other !== device)].slice(0, 6));
    onClose();
  };
  const others = patients.filter((one) => one.encounter_id !== patient.encounter_id)
    .flatMap((one) => one.devices ?? []);
  const free = known.filter((device) => !(patient.devices ?? []).includes(device));
  return html`<${Sheet} title=${say("pad.monitor")} onClose=${onClose}>
    <${Monitors} patient=${patient} act=${act} end=${(device) => html`<button onClick=${() => {
      act.detach(patient, device);
      onClose();
    }}>${say("detach")}</button>`} />
    ${!(patient.devices ?? []).length && html`<p>${say("no_monitor")}</p>`}
    ${canScan && !scans && html`<button class="huge" onClick=${() => setScans(true)}>${say("scan")}</button>`}
    ${scans && html`<${Scanner} onFound=${attach} onWrong=${(why) => {
      setScans(false);
      setWrong(why);
    }} />`}
    ${free.length > 0 && html`<div class="grid">
      ${free.map((device) => html`<button key=${device} onClick=${() => attach(device)}>
        ${device}
        ${others.includes(device) ? html`<small>${say("others_monitor")}</small>` : null}
      </button>`)}
    </div>`}
    <form onSubmit=${(event) => {
      event.preventDefault();
      if (NAME.test(typed.trim())) attach(typed.trim());
      else setWrong("not_a_number");
    }}>
      <label class="field">
        <span>${say("monitor_number")}</span>
        <input value=${typed} onInput=${(event) => setTyped(event.target.value)}
          autocomplete="off" spellcheck=${false} maxlength="64" />
      </label>
      <button class="primary huge" disabled=${!typed.trim()}>${say("attach")}</button>
    </form>
    ${wrong && html`<p class="wrong" role="alert">${say(wrong)}</p>`}
  </${Sheet}>`;
}

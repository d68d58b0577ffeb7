// The ECG: what it shows in one tap; a picture of it, if there is one, follows by itself.

import { ms, secondOf, span, Ticking } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { smaller } from "./files.js";
import { examined } from "./mission.js";
import { Sheet, When } from "./parts.js";

const SHOWS = [["st_elevation", "ecg.up"], ["no_st_elevation", "ecg.none"], ["not_readable", "ecg.unreadable"]];

export function Ecg({ patient, acts, act, onClose }) {
  const before = examined(acts, patient.encounter_id, "ecg_12_lead");
  const [picture, setPicture] = useState(null);
  const [at, setAt] = useState(null);
  const [wrong, setWrong] = useState("");
  const take = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      setPicture(await smaller(file));
      setWrong("");
    } catch { setWrong(say("no_picture")); }
  };
  const save = async (shows) => {
    await act.examination(patient, "ecg_12_lead", shows, picture, at);
    onClose();
  };
  return html`<${Sheet} title=${say("ask.ecg")} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <label class="button photo">
      <input type="file" accept="image/*" capture="environment" class="unseen" onChange=${take} />
      ${picture ? say("picture_taken", { kb: Math.round(picture.size / 1024) }) : say("take_picture")}
    </label>
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    ${before && html`<p class="over" data-before="ecg">
      ${say("ecg_before", { at: secondOf(before.at) })}
      <b> ${before.shows.map((one) => code("shown", one)).join(say("comma"))}</b> <small><${Ticking}
        of=${(t) => say("ago", { span: span(t - ms(before.at)) })} /></small>
    </p>`}
    <h3>${say("ecg_shows")}</h3>
    <div class="stack">
      ${SHOWS.map(([shows, key]) => html`<button class="huge" key=${shows} data-shows=${shows}
        onClick=${() => save(shows)}>${say(key)}</button>`)}
    </div>
  </${Sheet}>`;
}

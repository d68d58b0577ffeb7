// The handover sheet: an A4 in the order of ISBAR and MIST, to be signed by hand or kept beside the
// signatures. What is not known says so; what a person alone may write stays an empty line.

import { ask } from "../kit/api.js";
import { dayOf, now, secondOf } from "../kit/clock.js";
import { begin, explain, Foot, LanguageSwitch } from "../kit/frame.js";
import { Component, html } from "../kit/html.js";
import { stayThere } from "../kit/keep.js";
import { both, onLanguage, say, use } from "../kit/language.js";
import { refusalOfPatient } from "../kit/refusal.js";
import en from "../words/en/hospital.js";
import zh from "../words/zh/hospital.js";
import enPatient from "../words/en/patient.js";
import zhPatient from "../words/zh/patient.js";
import enSheet from "../words/en/sheet.js";
import zhSheet from "../words/zh/sheet.js";
import { Course } from "./course.js";
import { firstContact } from "./moments.js";
import {
  Assessment, Background, Identification, Injuries, Signatures, Signs, Situation, Times, Treated
} from "./sheet_parts.js";

use({ zh: { ...zh, ...zhPatient, ...zhSheet }, en: { ...en, ...enPatient, ...enSheet } });
const id = decodeURIComponent(location.pathname.split("/").pop());

class Sheet extends Component {
  constructor({ session }) {
    super();
    this.facility = session.facility_id;
    this.state = { item: null, course: null, house: null, names: {}, problem: null, at: null };
  }

  componentDidMount() {
    this.end = onLanguage(() => this.setState({}));
    stayThere();
    this.read();
  }

  componentWillUnmount() { this.end(); }

  async read() {
    const path = `facilities/${this.facility}/encounters/${id}`;
    try {
      const item = await ask("bridge", "GET", path);
      const course = new Course();
      let isWhole = true;
      const [vitals, house, names] = await Promise.all([
        ask("bridge", "GET", `${path}/vitals`).catch(() => null),
        ask("bridge", "GET", `facilities/${this.facility}`).catch(() => null),
        ask("dispatch", "GET", "facility-names").catch(() => []),
      ]);
      if (vitals) course.history(vitals.series); else isWhole = false;
      course.take(item.record);
      this.setState({
        item,
        course,
        isWhole,
        house,
        names: Object.fromEntries(names.map((one) => [one.facility_id, one.name])),
        at: now(),
        problem: null
      });
    } catch (problem) { this.setState({ problem, item: problem.status === 404 ? null : this.state.item }); }
  }

  render(_, { item, course, isWhole, house, names, problem, at }) {
    const bar = html`<nav class="bar-above no-print" aria-label=${say("sheet_title")}>
      <a class="button" href=${`/hospital/patient/${id}#handover`}>← ${say("patient_page")}</a>
      <button class="primary" disabled=${!item} onClick=${() => print()}>${say("print")}</button>
      <button onClick=${() => this.read()}>${say("read_anew")}</button><${LanguageSwitch} /></nav>`;
    if (!item) return html`${bar}<main class="sheet">
      <p role=${problem ? "alert" : "status"}>${problem ? refusalOfPatient(problem) : say("loading")}</p>
      <${Foot} /></main>`;
    const { admission } = item.record;
    return html`${bar}
      <main class="sheet" aria-label=${say("sheet_title")}>
        ${problem && html`<p class="no-print wrong" role="alert">${explain(problem)}</p>`}
        <header class="sheet-head"><div><h1>${say("sheet_title")}</h1>
            <p>${both(names[this.facility]) || both(house?.name) || this.facility}</p></div>
          <p class="as-of">${say("sheet_as_of", { day: dayOf(at), at: secondOf(at) })}<br />
            ${say("version_of", { n: item.version })} · ${
              item.handoff.transferred_at ? say("sheet_locked") : say("sheet_open")}</p></header>
        <${Identification} item=${item} />
        <${Situation} item=${item} />
        <${Injuries} item=${item} />
        <${Signs} item=${item} course=${course} isWhole=${isWhole} />
        <${Treated} item=${item} />
        <${Background} item=${item} />
        <${Assessment} item=${item} />
        <${Times} item=${item} house=${house} names=${names} at=${at}
          contact=${firstContact(item, house)} />
        <${Signatures} item=${item} />
        <footer class="sheet-foot"><p>${say("no_device")}</p>
          <p>${[admission?.admission_number ?? say("not_boarded"), admission?.wristband ?? "—",
            item.handoff.identity && `${say("own_number")} ${item.handoff.identity.reference}`
          ].filter(Boolean).join(" · ")} · ${
            say("sheet_as_of", { day: dayOf(at), at: secondOf(at) })} · ${
            say("version_of", { n: item.version })}</p></footer>
      </main>`;
  }
}

begin(Sheet);

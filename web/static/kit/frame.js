// What every page has around it: its head, the language, who is signed in, what went wrong.

import { desk, goSignIn, onSignedOut, signOut, told, whoami } from "./api.js";
import { Now, secondOf, setZone } from "./clock.js";
import { html, render, useEffect, useRef, useState } from "./html.js";
import { both, language, onLanguage, say, switchLanguage } from "./language.js";
import { refusal as explain } from "./refusal.js";
import { mindForms } from "./valid.js";

setZone(told.zone || "Asia/Shanghai");

// Draw again when the language changes.
export function useLanguage() {
  const [, set] = useState(language());
  useEffect(() => onLanguage(set), []);
  return language();
}

export const LanguageSwitch = () => html`<button class="quiet language" onClick=${() => switchLanguage()}
  lang=${language() === "zh" ? "en" : "zh-CN"} aria-label=${say("switch_language")}>${say("other_language")}</button>`;

// Of when the data are; nothing is as of a time where nothing was ever heard.
export const asOf = (heard) => (heard == null ? say("never_heard") : say("as_of", { at: secondOf(heard) }));

// `state` as a feed tells it: "live", "cut" with since when, or "out". What it means stands in `CutOff`.
export function Live({ state, heard }) {
  if (state === "live") return html`<span class="live" role="status">${say("live")}</span>`;
  const when = heard == null ? say("never_heard") : say("data_as_of", { at: secondOf(heard) });
  if (state === "cut") return html`<strong class="live cut" role="alert">${when}</strong>`;
  return html`<span class="live quiet" role="status">${say("connecting")}</span>`;
}

// That the line is broken, over the foot of the page: nothing that somebody aims at moves for it, and what is told
// meanwhile stands above it, however high it is.
export function CutOff({ children }) {
  const line = useRef();
  useEffect(() => {
    const [box, { style }] = [line.current, document.documentElement];
    const look = new ResizeObserver(() => style.setProperty("--cut-off", `${box.offsetHeight}px`));
    look.observe(box);
    return () => { look.disconnect(); style.removeProperty("--cut-off"); };
  }, []);
  return html`<p ref=${line} class="cut-off" role="alert">${children}</p>`;
}

export function Who({ session }) {
  if (!session) return null;
  const name = both(session.spoken) || session.name;
  return html`<span class="who-am-i">
    <span title=${name}>${name}</span>
    <button class="quiet" onClick=${() => signOut().catch(() => goSignIn({ to: "/" }))}>${say("sign_out")}</button>
  </span>`;
}

export function Head({ title, sub, children, session, live, clock = true }) {
  return html`<header class="head">
    <img src="/static/mark.svg" alt="" width="34" height="34" />
    <div class="title"><h1>${title}</h1>${sub && html`<p>${sub}</p>`}</div>
    ${children}
    <div class="head-end">
      ${live}
      <${Who} session=${session} />
      <${LanguageSwitch} />
      ${clock && html`<${Now} />`}
    </div>
  </header>`;
}

export const Foot = () => html`<footer class="no-device">${say("no_device")}</footer>`;

// A question that has to be answered before anything else; Escape and the backdrop close it.
export function Dialog({ title, onClose, children, kind = "" }) {
  const box = useRef();
  useEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    dialog.showModal();
    // A browser goes to what comes first, which closes it: the keys begin at what is asked. A phone would
    // open its keyboard for that, and begins at the title.
    const [heading, first] = [
      dialog.querySelector("h2"),
      dialog.querySelector(".dialog-body > header ~ * :is(input, select, textarea, button):not(:disabled)")
    ];
    if (!dialog.querySelector("[autofocus]"))
      (matchMedia("(pointer: coarse)").matches ? heading : first ?? heading).focus();
    return () => { if (dialog.open) dialog.close(); before?.focus?.(); };
  }, []);
  const outside = (event) => { if (event.target === box.current) onClose(); };
  return html`<dialog ref=${box} class=${`dialog ${kind}`} aria-label=${title}
      onCancel=${(event) => { event.preventDefault(); onClose(); }} onMouseDown=${outside}>
    <div class="dialog-body">
      <header>
        <h2 tabindex="-1">${title}</h2>
        <button class="quiet close" aria-label=${say("close")} onClick=${onClose}>×</button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

// What went wrong, or was done, for a few seconds; what else is told stays until it is closed, or for
// `lasts` milliseconds. What it answers with closes it.
const notices = { list: [], tell: () => {} };
export function notify(text, kind = "done", lasts = kind === "done" ? 4000 : null) {
  const notice = { text, kind, id: Math.random() };
  notices.list = [...notices.list.slice(-3), notice];
  notices.tell(notices.list);
  if (lasts != null) setTimeout(() => dismiss(notice.id), lasts);
  return () => dismiss(notice.id);
}
function dismiss(id) {
  notices.list = notices.list.filter((notice) => notice.id !== id);
  notices.tell(notices.list);
}
// By its name, of which the "…" at its end says that a question follows; a number begins with one, and keeps it.
export const tellSent = (act) => notify(say("sent_act", { act: act.replace(/…(?= · |$)/, "") }));
export function Notices() {
  const [list, set] = useState(notices.list);
  useEffect(() => { notices.tell = set; }, []);
  return html`<div class="notices" aria-live="assertive">
    ${list.map((notice) => html`<div class=${`notice ${notice.kind}`} key=${notice.id}>
      <span>${notice.text}</span>
      <button class="quiet close" aria-label=${say("close")} onClick=${() => dismiss(notice.id)}>×</button>
    </div>`)}
  </div>`;
}

// What a Problem says to a user.
export { explain };

function SignIn({ isWrong }) {
  useLanguage();
  return html`<main class="sign-in">
    <img src="/static/mark.svg" alt="" width="64" height="64" />
    <h1>${say("green_channel")}</h1>
    <p>${isWrong ? say("not_your_desk") : say("sign_in_why")}</p>
    <button class="primary" autofocus onClick=${() => goSignIn()}>${say("sign_in")}</button>
    <${LanguageSwitch} />
    <${Foot} />
  </main>`;
}

// The page is there, and the boards are not.
function Away({ problem }) {
  useLanguage();
  return html`<main class="sign-in"><h1>${say("green_channel")}</h1>
    <p role="alert">${problem.status === 0 ? say("no_line_yet") : explain(problem)}</p>
    ${desk === "hospital" && html`<a class="button" href="/hospital/copy">${say("downtime_copy")}</a>`}
    <${LanguageSwitch} />
    <${Foot} />
  </main>`;
}

// Begins a page: who is signed in gets `Page`, everybody else the sign-in.
export async function begin(Page) {
  const root = document.getElementById("page");
  mindForms();
  const show = (what) => render(what, root);
  try {
    const session = await whoami();
    onSignedOut((problem) => { if (!problem.isToSignAnew) show(html`<${SignIn} />`); });
    show(html`<${Page} session=${session} />`);
  } catch (problem) {
    if (problem.status === 401) show(html`<${SignIn} />`);
    else {
      show(html`<${Away} problem=${problem} />`);
      setTimeout(() => begin(Page), 3000);
    }
  }
}

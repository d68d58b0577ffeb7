// What a moment of a patient's way says, in one line.

import { secondOf } from "../kit/clock.js";
import { both, code, dose, say } from "../kit/language.js";

const CHANGES = {
  worst: ({ from, to }) => (from
    ? say("change.worst", { from: code("levels", from), to: code("levels", to) })
    : say("change.first", { to: code("levels", to) })),
  current: ({ from, to }) => say("change.current", { from: code("levels", from), to: code("levels", to) }),
  override: ({ override }) => say(override.role === "crew" ? "change.by_crew" : "change.by_hospital", {
    level: code("levels", override.level),
    reason: override.reason,
    who: override.overridden_by
  }),
  paused: () => say("paused"),
  resumed: () => say("change.resumed"),
  centre: ({ concern }) =>
    `${code("centres", concern.centre)} ${code("activations", concern.activation)}: ${both(concern.text)}`,
  centre_gone: ({ concern }) => say("change.centre_gone", { centre: code("centres", concern.centre) }),
  taken_back: ({ reason }) => `${say("taken_back")} ${both(reason.text)}`,
};

function decision(row) {
  const told = row.changes.map((change) => CHANGES[change.kind](change));
  const why = row.reasons.slice(0, 2).map((reason) => both(reason.text));
  return [...told, ...(why.length ? [`${say("because")}${why.join(say("comma"))}`] : [])].join(" · ");
}

export const given = (event) => `${code("treatments", event.treatment)}${dose(event)}`;
export const examined = (event) => `${code("examinations", event.examination)}${say("colon")}${
  event.shows.map((word) => code("shown", word)).join(say("comma"))}`;
export const found = (event) => (event.present
  ? code("findings", event.finding)
  : say("not_present", { finding: code("findings", event.finding) }));

const place = (event, key) => code("places", event[key]);
const ACTS = {
  FirstContact: () => say("stamp.contact"),
  Treatment: given,
  Examination: examined,
  Finding: found,
  RecordDelivered: (e) => say("act.delivered", { version: e.version, via: say(`via.${e.via}`) }),
  RecordDisplayed: (e) => say("act.displayed", { version: e.version }),
  Escalated: (e) =>
    `${say("act.late", { owed: say(`owed.${e.owed}`), due: secondOf(e.due_at) })} → ${say(`to.${e.to}`)}${
      e.department ? ` (${say(`team.${e.department}`)})` : ""}`,
  CentreActivated: (e) =>
    `${say(`act.${e.activation}`, { centre: code("centres", e.centre) })}${
      e.departments.length ? `: ${e.departments.map((name) => say(`team.${name}`)).join(say("comma"))}` : ""}`,
  ActivationWithdrawn: (e) => say("act.called_off", { centre: code("centres", e.centre), reason: e.reason }),
  AcceptanceWithdrawn: (e) => say("act.not_accepted", { reason: e.reason }),
  DepartmentAnswered: (e) => `${say(`team.${e.department}`)} ${say(`answer.${e.answer}`)}`,
  DirectToConfirmed: (e) => say("straight_to", { place: place(e, "direct_to") }) + (e.gate ? ` · ${e.gate}` : ""),
  DirectToRevoked: (e) => say("act.revoked", { place: place(e, "direct_to") }),
  BedReserved: (e) => `${say("bed_waits", { department: say(`department.${e.department}`) })} ${e.bed ?? ""}`,
  BedReleased: (e) => say("act.bed_released", { department: say(`department.${e.department}`) }),
  PatientArrived: (e) =>
    `${say("stamp.arrived")}${e.place ? ` · ${place(e, "place")}` : ""}${e.inferred ? ` · ${say("inferred")}` : ""}`,
  ArrivalRevoked: (e) => `${say("act.arrival_revoked")} ${e.reason ?? ""}`,
  MilestoneReached: (e) => say(`stamp.${e.milestone}`),
  MilestoneRevoked: (e) => say("act.milestone_revoked", { milestone: say(`stamp.${e.milestone}`) }),
  RedirectRequested: (e) => `${say("act.redirect")}: ${say(`redirect.${e.reason}`)} ${e.note ?? ""}`,
  RedirectWithdrawn: () => say("act.redirect_withdrawn"),
  AdmissionOpened: (e) =>
    `${say("stamp.boarded")} · ${e.admission.admission_number}${
      e.admission.inferred ? ` · ${say("inferred")}` : ""}`,
  AdmissionRevoked: (e) => `${say("act.AdmissionRevoked")} · ${e.admission.admission_number} · ${e.reason}`,
  IdentityBound: (e) => `${say("own_number")} ${e.reference}${e.provisional ? ` · ${say("provisional")}` : ""}`,
  IdentityMerged: (e) => say("act.merged", { merged: e.merged, reference: e.reference }),
  IdentitySplit: (e) => `${say("act.split", { reference: e.reference })} ${e.reason}`,
  FormalityCompleted: (e) => say("act.formality", { formality: say(`formality.${e.formality}`) }),
  LevelOverridden: (e) =>
    say("change.by_hospital", { level: code("levels", e.level), reason: e.reason, who: e.overridden_by }),
  HandoverSigned: (e) =>
    `${say(`signed.${e.side}`)}${
      e.wristband ? ` · ${say("wristband")} ${e.wristband}` : ""}${
      e.wristband_reason
        ? ` · ${say(e.wristband ? "wristband_why" : "wristband_unread_why")} ${e.wristband_reason}` : ""}${
      e.not_aboard_reason ? ` · ${say("not_aboard_why")} ${e.not_aboard_reason}` : ""}${
      e.reason ? ` · ${e.reason}` : ""}`,
  AddendumWritten: (e) => `${say("addendum")}: ${e.text}`,
  OutcomeReported: (e) => `${say(`outcome.${e.outcome}`)}${e.diagnosis ? ` · ICD-10 ${e.diagnosis}` : ""}`,
};

// What is not in the table has a word of its own, so that a new kind of event is still told.
export const sentence = (row) => (row.kind === "decision"
  ? decision(row)
  : (ACTS[row.type]?.(row.event ?? {}) ?? say(`act.${row.type}`)));

export function whoSaid(row) {
  if (row.who === "triage") return say("by_triage");
  if (row.who === "crew") return say("by_crew");
  return row.who ? say("by_staff", { who: row.who }) : say("by_system");
}

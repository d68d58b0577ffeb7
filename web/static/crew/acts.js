// What can be done for a patient or a unit, each as the service takes it, kept and sent by the line.

import { ask, newKey } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";
import { act, giveUp, isUnsent, line, note, unnote } from "./line.js";
import { store } from "./files.js";
import { slipsOf } from "./mission.js";

// `of`: {duty, unit, leg}, as they are at the moment of the act.
export function actsFor(of) {
  // `whom`: who the patient was, for the list of what waits, also when another mission is shown.
  const about = (patient) => { const { duty, leg } = of(); return { duty, leg, whom: patient?.patient }; };
  const gateway = (patient, path, kind, code, body, more = {}) => act({
    ...about(patient), lane: patient.encounter_id, service: "gateway", method: "POST",
    path: `encounters/${patient.encounter_id}/${path}`, kind, code, body, ...more,
  });
  const dispatch = (patient, path, kind, code, body, more = {}) => act({
    ...about(patient), lane: patient.encounter_id, service: "dispatch", method: "POST",
    path: `encounters/${patient.encounter_id}/${path}`, kind, code, body, ...more,
  });
  const upload = (patient, file, after) => act({
    ...about(patient), lane: `file:${file.sha256}`, service: "gateway",
    path: `encounters/${patient.encounter_id}/attachments`, kind: "file", code: file.media_type,
    of: patient.encounter_id, file, after, body: null,
  });
  // Of what is still on its way (`after`) nothing is taken back before it is there.
  const retract = (patient, one, reason, after) => gateway(
    patient, "retractions", "retraction", one.key, { observation: one.kind, observation_id: one.key, reason },
    after ? { after } : {});
  // As if it had never been said; of what may have gone it is said that it was entered in error.
  const unsay = async (patient, one) => {
    if (!isUnsent(one) || !await giveUp(one)) await retract(patient, one, "entered_in_error", one.key);
  };

  return {
    unit: (status, at) => act({
      ...about(), lane: `unit:${of().unit}`, service: "dispatch", method: "POST",
      path: at === null ? `units/${of().unit}/stamps` : `legs/${of().leg}/stamps`,
      late: `legs/${of().leg}/stamps`, kind: "stamp", code: status, body: { status }, undo: true,
      ...(at === null ? {} : { at }),
    }),
    stamp: (patient, kind, at) => dispatch(
      patient, kind, kind, kind, { unit_id: of().unit }, { undo: true, ...(at ? { at } : {}) }),
    unboard: (patient, reason, at) => dispatch(
      patient, "boarding/revoked", "unboard", "unboard", { unit_id: of().unit, reason },
      { undo: true, ...(at ? { at } : {}) }),
    // Said late and on purpose, before the outcome after which nothing is taken: nothing holds it.
    seen: (patient, at) => dispatch(
      patient, "reached", "reached", "reached", { unit_id: of().unit }, at ? { at } : {}),
    // Who puts a slip right has not seen two things: what it replaces is taken back first.
    finding: async (patient, finding, present, at, more = {}) => {
      for (const one of slipsOf(line.acts(), patient.encounter_id, finding, present, at ?? isoNow()))
        await unsay(patient, one);
      return gateway(
        patient, "findings", "finding", finding, { finding, present }, { ...(at ? { at } : {}), ...more });
    },
    scale: (patient, scale, items, at) => gateway(
      patient, "scales", "scale", scale, { scale, items }, at ? { at } : {}),
    vitals: (patient, vitals, at, more = {}) => gateway(
      patient, "vitals", "vitals", "vitals", { vitals }, { ...(at ? { at } : {}), ...more }),
    treatment: (patient, treatment, dose, unit, at) => gateway(
      patient, "treatments", "treatment", treatment,
      { treatment, ...(dose == null ? {} : { dose, unit }) }, at ? { at } : {}),
    background: (patient, background, teller, at) => gateway(
      patient, "background", "background", "background",
      { background, ...(teller ? { told_by: teller } : {}) }, at ? { at } : {}),
    level: (patient, level, reason) => gateway(patient, "level", "level", level, { level, reason }),
    // What it shows goes ahead, its picture follows under a lane of its own and holds nothing up.
    examination: async (patient, examination, shows, picture, at, more = {}) => {
      const file = picture ? await store(picture) : null;
      const key = newKey();
      await gateway(
        patient, "examinations", "examination", examination,
        { examination, shows: [shows], ...(file ? { attachments: [file] } : {}) },
        { key, ...(at ? { at } : {}), ...more });
      if (file) await upload(patient, file, key);
    },
    retract,
    unsay,
    attach: (patient, device) => dispatch(patient, "devices", "attach", device, { device_id: device }),
    detach: (patient, device) => dispatch(patient, `devices/${device}/detached`, "detach", device, {}),
    // No act: which monitors the gateway hears, and what they last said.
    heard: (patient) => ask("gateway", "GET", `encounters/${patient.encounter_id}/devices`, undefined,
      { headers: { "green-channel-duty": of().duty } }),
    person: (patient, told) => dispatch(
      patient, "patient", "person", "person", { patient: told }, { method: "PUT" }),
    handOn: (patient, to, reason) => dispatch(
      patient, "handed-to-unit", "handed", to, { unit_id: of().unit, to_unit_id: to, reason }, { undo: true }),
    outcome: async (patient, outcome, refusal, signature) => {
      const file = signature ? await store(signature) : null;
      const key = newKey();
      const told = refusal ? { refusal: { ...refusal, ...(file ? { signature: file } : {}) } } : {};
      await dispatch(patient, "outcome", "outcome", outcome, { outcome, ...told }, { key, undo: true });
      if (file) await upload(patient, file, key);
    },
    // Somebody more: without a line they have a number of this phone's until dispatch gives them theirs.
    another: (incident, patient, mother) => {
      const made = `new-${newKey()}`;
      return act({
        ...about(), lane: made, makes: made, service: "dispatch", method: "POST",
        path: `incidents/${incident}/encounters`, kind: "another", code: mother ? "newborn" : "found",
        body: { patient, ...(mother ? { mother_id: mother } : {}) },
      }).then(() => made);
    },
    cannot: (patient, name) => note({ lane: patient.encounter_id, kind: "cannot", code: name, path: "", body: {} }),
    // That an answer was taken back was seen: it is nothing to be sent.
    noticed: (patient, { what, at }) => note({
      lane: patient.encounter_id, kind: "noticed", code: `${what} ${at}`, path: "", body: {}
    }),
    // The bridge has taken the signature; it is nothing to be sent.
    signed: (patient, at) => note({
      lane: patient.encounter_id, kind: "signed", code: patient.destination, at, path: "", body: {}
    }),
    reopen: (patient, name) => line.acts()
      .filter((one) => one.lane === patient.encounter_id && one.kind === "cannot" && one.code === name)
      .forEach(unnote),
    now: isoNow,
  };
}

// Every word of the page, Chinese first, then English.

import { now } from "./base.js";

const WORDS = {
  name: ["绿色通道", "Green Channel"],
  motto: ["上车即入院", "aboard is admitted"],
  what: [
    "电话响起，救护车出发；患者一上车，医院就已经收下。",
    "A call comes in, an ambulance leaves; the moment the patient is aboard, they are admitted.",
  ],
  honest: [
    "患者是模拟的；Kafka、PostgreSQL 与服务是真的。",
    "Simulated patients, real Kafka and PostgreSQL.",
  ],
  no_device: [
    "非医疗器械认证产品：仅供参考，不得据此作出临床决定。",
    "Not a certified medical device: for information, and no ground for a clinical decision.",
  ],
  boards: ["看板", "Boards"],
  phone: ["车组手机", "Crew's phone"],
  other_language: ["English", "中文"],
  other_language_label: ["Switch to English", "切换到中文"],
  live: ["实时", "Live"],
  as_of: ["数据截至", "Data as of"],
  cut: ["连接中断，正在重连", "Connection lost, reconnecting"],
  starting: ["正在启动", "Starting"],
  starting_long: ["Kafka、PostgreSQL 与各项服务正在启动…", "Kafka, PostgreSQL and the services are starting…"],

  calls: ["呼救", "Calls"],
  calls_none: ["此刻没有呼救", "No call at this moment"],
  within: ["3 分钟内出车", "Left within 3 min"],
  more_calls: ["另有 {n} 个呼救", "{n} more calls"],
  more_patients: ["另有 {n} 位", "{n} more"],
  ring_hint: ["圆环：1 分钟内派车，再 3 分钟内出车", "Ring: 1 min to notify, then 3 min to leave"],
  no_departure: ["无出车时间", "no departure stamp"],
  to_notify: ["受理 → 派车，60 秒为限", "accepted → unit notified, limit 60 s"],
  to_depart: ["派车 → 出车，180 秒为限", "notified → departed, limit 180 s"],
  left_after: ["{s} 秒出车", "left after {s} s"],
  gps_confirms: ["GPS 已核实", "confirmed by GPS"],

  accepted: ["受理，待派车", "Accepted, no unit yet"],
  notified: ["已派车", "Unit notified"],
  acknowledged_unit: ["已接令", "Crew confirmed"],
  departed: ["出车，赶往现场", "On the way"],
  on_scene: ["到达现场", "On scene"],
  reached: ["已到患者身边", "At the patient"],
  boarded: ["患者已上车", "Patient aboard"],
  left_scene: ["送往医院", "To the hospital"],
  at_destination: ["到达医院", "At the hospital"],
  arrived: ["到达医院", "At the hospital"],
  transferred: ["已交接", "Handed over"],
  ended: ["已结束", "Ended"],

  city: ["城市", "City"],
  city_label: ["全城地图：医院、急救站与行进中的救护车", "Map of the city: hospitals, stations and moving ambulances"],
  legend_idle: ["待命", "idle"],
  legend_out: ["赶往现场", "to the scene"],
  legend_scene: ["现场", "scene"],

  critical: ["濒危", "Critical"],
  severe: ["危重", "Severe"],
  urgent: ["急症", "Urgent"],
  non_urgent: ["非急症", "Non-urgent"],
  not_yet: ["未定", "Not yet"],
  level: ["级", "level"],

  followed: ["跟随一位患者", "One patient, followed"],
  followed_none: ["等待第一位患者接上监护仪", "Waiting for the first patient on a monitor"],
  heart_rate: ["心率", "Heart rate"],
  blood_pressure: ["血压", "Blood pressure"],
  spo2: ["血氧 SpO₂", "SpO₂"],
  respiratory_rate: ["呼吸", "Breathing"],
  per_minute: ["次/分", "/min"],
  not_taken: ["未测", "not taken"],
  unmeasurable: ["测不出", "unmeasurable"],
  invalid: ["无效", "invalid"],
  last_seconds: ["近 {n} 秒", "last {n} s"],
  worse: ["恶化", "worse"],
  better: ["好转", "better"],
  same: ["平稳", "steady"],
  rose: ["{time} 由 {from} 升至 {to}", "{time} rose from {from} to {to}"],
  no_reason: ["尚无分诊依据", "no evidence for a level yet"],

  step_accepted: ["受理", "Call"],
  step_notified: ["派车", "Notified"],
  step_departed: ["出车", "Left"],
  step_reached: ["到患者", "Reached"],
  step_destination: ["定医院", "Hospital"],
  step_boarded: ["上车即入院", "Admitted"],
  step_acknowledged: ["已确认", "Seen"],
  step_arrived: ["到院", "Arrived"],
  step_transferred: ["交接", "Transfer"],

  queues: ["院内队列", "Queues in the hospitals"],
  chest_pain_centre: ["胸痛中心", "Chest pain"],
  stroke_centre: ["卒中中心", "Stroke"],
  trauma_centre: ["创伤中心", "Trauma"],
  maternal_centre: ["危重孕产妇", "Mothers"],
  neonatal_centre: ["儿童和新生儿", "Children"],
  centres: ["五大中心", "Five centres"],
  centres_long: ["急诊之外还涉及谁", "whom else the patient concerns"],
  emergency_centre: ["急诊", "Emergency department"],
  admitted_of: ["已入院 {n}", "{n} admitted"],
  queue_none: ["队列为空", "Nobody in this queue"],
  male: ["男", "Male"],
  female: ["女", "Female"],
  sex_unknown: ["性别不详", "Sex unknown"],
  years: ["{n} 岁", "{n}"],
  hours: ["{n} 小时", "{n} h"],
  days: ["{n} 天", "{n} d"],
  weeks: ["{n} 周", "{n} wk"],
  months: ["{n} 月", "{n} mo"],
  about_years: ["约 {n} 岁", "~{n}"],
  age_unknown: ["年龄不详", "age ?"],
  identity_unknown: ["身份未知", "unidentified"],
  cardiac_arrest: ["心搏骤停", "Cardiac arrest"],
  choking: ["气道异物", "Choking"],
  unconscious: ["意识丧失", "Unconscious"],
  altered_consciousness: ["意识改变", "Altered consciousness"],
  syncope: ["晕厥", "Syncope"],
  seizure: ["抽搐", "Seizure"],
  status_epilepticus: ["持续抽搐", "Seizures that do not end"],
  stroke: ["疑似卒中", "Suspected stroke"],
  chest_pain: ["胸痛", "Chest pain"],
  palpitation: ["心悸", "Palpitation"],
  dyspnoea: ["呼吸困难", "Dyspnoea"],
  asthma: ["哮喘", "Asthma"],
  trauma: ["外伤", "Injury"],
  burn: ["烧烫伤", "Burn"],
  bleeding: ["出血", "Bleeding"],
  heavy_bleeding: ["大出血", "Massive bleeding"],
  gastrointestinal_bleeding: ["消化道出血", "Bleeding from the gut"],
  vaginal_bleeding: ["阴道出血", "Vaginal bleeding"],
  poisoning: ["中毒", "Poisoning"],
  overdose: ["药物过量", "Overdose"],
  hypoglycaemia: ["低血糖", "Low blood sugar"],
  mental_disorder: ["精神障碍", "Mental disorder"],
  obstetric: ["孕产妇", "Obstetric"],
  cord_prolapse: ["脐带脱垂", "Prolapsed cord"],
  newborn: ["新生儿", "Newborn"],
  fever: ["发热", "Fever"],
  abdominal_pain: ["腹痛", "Abdominal pain"],
  severe_abdominal_pain: ["剧烈腹痛", "Severe abdominal pain"],
  epigastric_pain: ["上腹痛", "Epigastric pain"],
  headache: ["头痛", "Headache"],
  dizziness: ["头晕", "Dizziness"],
  vomiting: ["呕吐", "Vomiting"],
  other: ["其他", "Other"],
  unknown: ["情况不明", "Cause unknown"],
  at_scene: ["现场", "on scene"],
  at_hospital: ["已到院", "arrived"],
  away: ["{n} km", "{n} km"],
  not_aboard: ["未上车", "Not aboard yet"],
  aboard_waiting: ["已上车，等待登记", "Aboard, admission pending"],
  admitted: ["已入院", "Admitted"],
  since_boarding: ["自上车", "after boarding"],
  seen_by: ["{who} 已确认", "seen by {who}"],
  not_seen: ["待医院确认", "not seen yet"],
  seen_again: ["须再次确认", "to be seen again"],
  handed_over: ["已交接，双签", "Handed over"],
  told_version: ["第 {n} 版", "v{n}"],
  announce: ["{who} 已入院，{number}，上车后 {ms} 毫秒", "{who} admitted, {number}, {ms} milliseconds after boarding"],

  judge: ["裁判", "The judge"],
  judge_long: ["独立进程，只数自己发出与读到的", "an independent process"],
  judge_none: ["没有裁判在计数", "no judge is counting"],
  sent: ["发出", "sent"],
  arrived_count: ["到达", "arrived"],
  lost: ["丢失", "lost"],
  overdue: ["尚未到达", "overdue"],
  doubled: ["重复", "doubled"],
  wrong: ["差错", "wrong"],
  late: ["迟到", "late"],
  redelivered: ["重投", "redelivered"],
  to_queue: ["体征 → 队列", "vital → queue"],
  to_admission: ["上车 → 入院", "aboard → admitted"],
  vitals_per_s: ["体征/秒", "vitals/s"],
  pull: ["拔掉插头", "Pull the plug"],
  pull_short: ["拔掉插头", "Pull plug"],
  pull_long: ["按一下，进程立刻被 SIGKILL；看它怎样回来，数字怎样不变", "one press kills the process with SIGKILL; watch it return and the count stay at zero"],
  pull_label: ["拔掉{name}的插头", "Pull the plug of {name}"],
  running: ["运行", "running"],
  down: ["已断", "down"],
  elsewhere: ["不在本机", "runs elsewhere"],
  recovering: ["恢复中", "returning"],
  recovered: ["恢复", "back"],
  refused: ["没有拔掉", "not pulled"],
  kafka: ["Kafka", "Kafka"],
  postgres: ["PostgreSQL", "PostgreSQL"],
  dispatch: ["调度", "dispatch"],
  gateway: ["遥测", "gateway"],
  tracker: ["车辆", "tracker"],
  triage: ["分诊", "triage"],
  bridge: ["衔接", "bridge"],
};

export const NUMERAL = { critical: "Ⅰ", severe: "Ⅱ", urgent: "Ⅲ", non_urgent: "Ⅳ", not_yet: "–" };

// The city lies in China: all its times are told in its zone.
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

let column = 0;

export function language() {
  return column === 0 ? "zh" : "en";
}

// The address says it first, then what was chosen last time; else Chinese.
export function recallLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  let chosen = asked;
  try {
    chosen = asked || localStorage.getItem("language");
  } catch { /* storage may be forbidden */ }
  column = chosen === "en" ? 1 : 0;
}

export function switchLanguage() {
  column = 1 - column;
  try {
    localStorage.setItem("language", language());
  } catch { /* storage may be forbidden */ }
}

export function say(key, values = {}) {
  const text = (WORDS[key] || [key, key])[column];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const both = (text) => (text ? text[language()] || text.zh : "");

export const clock = (ms) => (ms ? CLOCK.format(ms) : "");

export const minute = (ms) => clock(ms).slice(0, 5);

export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

export const count = (n) => (n == null ? "–" : n.toLocaleString("en-US"));

// Who the patient is, as far as known: 男 58 岁.
export function person(patient) {
  const p = patient || {};
  const sex = say(p.sex === "male" || p.sex === "female" ? p.sex : "sex_unknown");
  if (p.birth_time) return `${sex}${column === 0 ? " " : ", "}${newborn(now() - Date.parse(p.birth_time))}`;
  if (!p.age) return column === 0 ? `${sex} · ${say("age_unknown")}` : `${sex}, ${say("age_unknown")}`;
  if (p.age.years < 2) return `${sex}${column === 0 ? " " : ", "}${young(p.age.years)}`;
  const years = say(p.age.estimated ? "about_years" : "years", { n: Math.round(p.age.years) });
  return column === 0 ? `${sex} ${years}` : `${sex}, ${years}`;
}

// Who was born on the way is told by hours, as on the boards.
function newborn(ms) {
  const hours = Math.max(0, Math.floor(ms / 3_600_000));
  return hours < 48 ? say("hours", { n: hours }) : say("days", { n: Math.floor(hours / 24) });
}

// The first two years are told in days, weeks or months.
function young(years) {
  const days = Math.round(years * 365.25);
  if (days < 28) return say("days", { n: days });
  return days < 90 ? say("weeks", { n: Math.round(days / 7) }) : say("months", { n: Math.round(years * 12) });
}

// The same where there is little room: M, ~58.
export function personShort(patient) {
  return column === 0 ? person(patient) : person(patient).replace("Female", "F").replace("Male", "M");
}

// Why help was called: the protocol's word in both languages, the caller's words as they were said.
export function complaint(patient) {
  const p = patient || {};
  const code = say(p.complaint || "unknown");
  if (!p.text) return code;
  return column === 1 && p.complaint && p.complaint !== "other" && p.complaint !== "unknown" ? code : p.text;
}

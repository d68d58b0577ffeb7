"""Every metric, with its meaning and its unit."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram, Summary

# Names are greenchannel_<what>_<unit or total>. Labels are bounded: never a person or a case.


class TableGauge(NamedTuple):
    """A gauge of what stands in a service's tables: `census` counts it."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


OUTBOX = TableGauge("greenchannel_outbox_messages", "Messages that wait to be sent", ("service",))
OUTBOX_OLDEST = TableGauge(
    "greenchannel_outbox_oldest_timestamp_seconds",
    "Since when the oldest message waits; nothing where none does",
    ("service",),
)
LOOKS_MISSING = TableGauge(
    "greenchannel_looks_missing",
    "Looks at the tables of which nothing fresh is known: their figures are not there",
    ("service",),
)
SET_ASIDE = TableGauge(
    "greenchannel_encounters_set_aside", "Encounters whose handling has stopped", ("consumer",)
)
DISPATCHES = TableGauge(
    "greenchannel_dispatch_within_3min",
    "Emergency dispatches that began within the window, by what became of their three minutes",
    ("window", "witness", "fate"),
)
DISPATCH_OVERDUE = TableGauge(
    "greenchannel_dispatch_overdue_units",
    "Units that were told to go three minutes ago or more and have not left",
    ("station",),
)
DISPATCH_OVERDUE_OLDEST = TableGauge(
    "greenchannel_dispatch_overdue_oldest_timestamp_seconds",
    "When the first of them should have left",
    ("station",),
)
ALARMS = TableGauge(
    "greenchannel_alarms", "Open alarms that nobody has acknowledged", ("clock", "step")
)
ALARMS_OLDEST = TableGauge(
    "greenchannel_alarms_oldest_timestamp_seconds",
    "When the first of them was raised",
    ("clock", "step"),
)
UNITS = TableGauge("greenchannel_units", "Units by status", ("status",))
UNITS_SILENT = TableGauge(
    "greenchannel_units_silent", "Units on a mission of which no position comes"
)
CALLS = TableGauge("greenchannel_calls", "Calls that go on, by how they stand", ("standing",))
HANDOFFS = TableGauge(
    "greenchannel_handoffs_open",
    "Patients on the way to a facility, or there and not handed over",
    ("facility",),
)
UNACKNOWLEDGED = TableGauge(
    "greenchannel_handoffs_unacknowledged", "Of those, whom nobody acknowledged", ("facility",)
)
UNACKNOWLEDGED_OLDEST = TableGauge(
    "greenchannel_handoffs_unacknowledged_oldest_timestamp_seconds",
    "When the facility heard of the first of them who is not there yet",
    ("facility",),
)
VITALS_SILENT = TableGauge(
    "greenchannel_vitals_silent",
    "Of those who are not there yet, whose monitor spoke and has not for as long as is set",
    ("facility", "level"),
)
FORMALITIES = TableGauge(
    "greenchannel_formalities_pending",
    "Formalities of those patients that are still to be done",
    ("facility",),
)
OWED = TableGauge(
    "greenchannel_promises_open", "What a facility owes and is waited for", ("facility", "owed")
)
OWED_LATE = TableGauge(
    "greenchannel_promises_overdue", "Of that, what is late by now", ("facility", "owed")
)
KEPT = TableGauge(
    "greenchannel_promises",
    "What facilities owed to patients of whom they heard within the window, by what became of it",
    ("window", "owed", "level", "fate"),
)
WARDS = TableGauge(
    "greenchannel_departments",
    "Departments by whether a bed is left for an emergency",
    ("facility", "emergency_bed"),
)
GREEN_CLOCKS = TableGauge(
    "greenchannel_green_clocks",
    "Clocks of the green channel of a month: in time, known, over without being known",
    ("facility", "clock", "month", "part"),
)
GREEN_CLOCK_MEDIAN = TableGauge(
    "greenchannel_green_clock_median_seconds",
    "What a clock of the green channel showed of the middle one of a month",
    ("facility", "clock", "month"),
)
DIRECT = TableGauge(
    "greenchannel_direct_to",
    "Patients of a month with a confirmed way: brought there, known, not known (直通率)",
    ("facility", "month", "part"),
)

HANDLED = Counter(
    "greenchannel_records_handled_total", "Records taken with their effects", ["consumer", "topic"]
)
DEAD_LETTERS = Counter(
    "greenchannel_dead_letters_total",
    "Records set down in a dead-letter topic",
    ["consumer", "topic", "kind"],
)
BATCH_SECONDS = Histogram(
    "greenchannel_batch_seconds",
    "From records read to transaction committed",
    ["consumer"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LAG_RECORDS = Gauge(
    "greenchannel_consumer_lag_records", "Records that are there and not done", ["consumer"]
)
LAG_SECONDS = Gauge(
    "greenchannel_consumer_lag_seconds",
    "Age of the oldest record that is there and not done; 0 where there is none",
    ["consumer"],
)
ROUNDED = Gauge(
    "greenchannel_consumer_turn_timestamp_seconds",
    "When a consumer last came round, with records or without",
    ["consumer"],
)
READY = Gauge("greenchannel_ready", "1 where all parts of a process run, else 0", ["service"])
BUILD = Gauge("greenchannel_build_info", "1, with the version that runs", ["service", "version"])
REQUEST_SECONDS = Summary(
    "greenchannel_request_seconds",
    "Requests, and how long until the answer began",
    ["service", "method", "route", "status"],
)
LOOP_DELAY_SECONDS = Histogram(
    "greenchannel_event_loop_delay_seconds",
    "How much later than asked for the event loop came round",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
LOOP_STALLED_SECONDS = Counter(
    "greenchannel_event_loop_stalled_seconds_total",
    "Seconds for which the event loop stood still, of each time that it did for half a second",
)
RETRIES = Counter("greenchannel_retries_total", "Times a dependency was out of reach", ["part"])
PUT_OFF = Counter(
    "greenchannel_put_off_total", "Times that what was due could not be told, and was put off"
)
REWOUND = Counter(
    "greenchannel_positions_rewound_total",
    "Positions found outside the log, as after a restored broker",
    ["consumer"],
)
SOURCES_PAUSED = Gauge(
    "greenchannel_sources_paused", "Sources that send only what cannot be read", ["consumer"]
)
RELAYED = Counter("greenchannel_outbox_relayed_total", "Messages acknowledged", ["service"])
SAMPLES = Counter(
    "greenchannel_samples_total",
    "What monitors, trackers and crews sent, by what it was and what became of it",
    ["kind", "outcome"],
)
CLOCK_CORRECTIONS = Counter(
    "greenchannel_device_clock_corrections_total", "Samples whose device clock was corrected"
)
SUBSCRIBERS = Gauge("greenchannel_feed_subscribers", "Open feeds of a facility", ["facility"])
SOUNDS = Counter(
    "greenchannel_board_sounds_total",
    "Sounds that boards of a facility have made, by what they were for",
    ["facility", "because"],
)
ARRIVALS = Counter(
    "greenchannel_arrivals_total", "Patients at the door of a facility", ["facility"]
)
ESCALATIONS = Counter(
    "greenchannel_escalations_total",
    "What a facility owed and was late, by who was told",
    ["facility", "owed", "to"],
)
DELIVERIES = Counter(
    "greenchannel_deliveries_total",
    "Tries to tell a hospital's system, by what became of them",
    ["facility", "channel", "outcome"],
)
DELIVERY_AGE_SECONDS = Gauge(
    "greenchannel_deliveries_oldest_age_seconds",
    "Age of what a hospital's system is told next; 0 when nothing waits",
    ["facility", "channel"],
)
DELIVERIES_REFUSED = Gauge(
    "greenchannel_deliveries_refused",
    "What a hospital's system refused and nobody has looked at yet",
    ["facility", "channel"],
)
DECISIONS = Counter("greenchannel_decisions_total", "Decisions of triage", ["level", "changed"])
CENTRES = Counter(
    "greenchannel_centres_proposed_total",
    "Centres that were told of or proposed, each time that a decision had news",
    ["centre", "activation"],
)
OVERRIDES = Counter(
    "greenchannel_overrides_total", "Levels that a clinician set", ["role", "level"]
)
DEADLINES = Counter(
    "greenchannel_deadlines_total", "Limits of dispatch that came near or passed", ["clock", "step"]
)
#: The objective is at 0.25 s, of what changed something.
_PATH = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1, 2, 5, 15, 60)
TAKEN_SECONDS = Histogram(
    "greenchannel_sample_to_broker_seconds",
    "From a sample's own time, its clock corrected, until the broker had it",
    buckets=_PATH,
)
DECIDED_SECONDS = Histogram(
    "greenchannel_path_to_decision_seconds",
    "From when the broker had what brought it about to the decision",
    ["changed"],
    buckets=_PATH,
)
QUEUED_SECONDS = Histogram(
    "greenchannel_path_to_queue_seconds",
    "From when the broker had what brought it about to the record in the facility's queue",
    ["changed"],
    buckets=_PATH,
)
for changed in (True, False):  # a series that has not begun is missing, and not empty
    DECIDED_SECONDS.labels(changed)
    QUEUED_SECONDS.labels(changed)
HANDOFF_SECONDS = Histogram(
    "greenchannel_handoff_seconds",
    "From the record in the queue to a facility's first step",
    ["step", "level"],
    buckets=(0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600),
)
DEPARTED_SECONDS = Histogram(
    "greenchannel_dispatch_seconds",
    "From a unit's being told to its departure, by who stamped it",
    ["source"],
    buckets=(15, 30, 60, 90, 120, 150, 180, 240, 300, 600),
)
SHADOWS = Counter(
    "greenchannel_shadow_decisions_total",
    "Decisions of a set on trial: the active level, its own, and whether the two differ",
    ["level", "shadow", "differs"],
)

"""Every metric, with its meaning and its unit."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Names are greenchannel_<what>_<unit or total>. Labels are bounded: never a person or a case.

HANDLED = Counter(
    "greenchannel_records_handled_total", "Records taken with their effects", ["consumer", "topic"]
)
DEAD_LETTERS = Counter(
    "greenchannel_dead_letters_total",
    "Records set down in a dead-letter topic",
    ["consumer", "kind"],
)
BATCH_SECONDS = Histogram(
    "greenchannel_batch_seconds",
    "From records read to transaction committed",
    ["consumer"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LAG_SECONDS = Gauge(
    "greenchannel_consumer_lag_seconds", "Age of the record last taken", ["consumer"]
)
RETRIES = Counter("greenchannel_retries_total", "Times a dependency was out of reach", ["part"])
SET_ASIDE = Gauge(
    "greenchannel_encounters_set_aside", "Encounters whose handling has stopped", ["consumer"]
)
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
OUTBOX_AGE_SECONDS = Gauge(
    "greenchannel_outbox_oldest_age_seconds", "Age of the oldest message sent last", ["service"]
)
RELAYED = Counter("greenchannel_outbox_relayed_total", "Messages acknowledged", ["service"])
SAMPLES = Counter(
    "greenchannel_samples_total", "Telemetry by what became of it", ["kind", "outcome"]
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
SHADOWS = Counter(
    "greenchannel_shadow_decisions_total",
    "Decisions of a set on trial: the active level, its own, and whether the two differ",
    ["level", "shadow", "differs"],
)

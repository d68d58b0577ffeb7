"""The labelled visits as triage takes them, and what they turned out to be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.triage import Centre, TriageLevel
from services.triage.snapshot import Snapshot
from simulator.replays.account import Unreadable
from simulator.replays.arrivals import read
from simulator.replays.table import rows_of

#: What makes a centre's notice right, by the diagnosis at the end of the visit (words of this
#: project, whole and small) or, of an injury, by the record's own mark.
TRUTH: Mapping[Centre, str] = {
    Centre.CHEST_PAIN: (
        r"\b(angina|infarction with non-st|myocardial infarction|transmural|ischaemic chest pain|"
        r"acute coronary|aortic|pulmonary embolism|pericardial|brugada|cardiac arrest)\b"
    ),
    Centre.STROKE: (
        r"\b(cerebral infarction|cerebrovascular|stroke|transient (cerebral )?ischa?emi|"
        r"intracerebral|subarachnoid|subdural|borderzone|carotid artery occlusion|aneurysm)\b"
    ),
}


class Visit(NamedTuple):
    """A visit, the levels that the expert and the nurse gave, and what it was."""

    place: str
    snapshot: Snapshot
    expert: TriageLevel
    nurse: TriageLevel
    injured: bool
    diagnosis: str

    def is_of(self, centre: Centre) -> bool | None:
        """Whether a centre was rightly told; None where the record cannot say."""
        if centre is Centre.TRAUMA:
            return self.injured
        words = TRUTH.get(centre)
        return bool(re.search(words, self.diagnosis)) if words else None


def visits(text: str, file: str) -> Iterator[Visit]:
    """The visits of the published file. A row that cannot be read raises ``ValueError``."""
    columns = ("Injury", "Diagnosis in ED")
    more = dict(rows_of(text, file, columns, ";"))
    for number, arrival in enumerate(read(text, file), 1):
        if isinstance(arrival, Unreadable):
            raise ValueError(f"{arrival.place}: {arrival.reason}")
        row = more[arrival.place]
        yield Visit(
            arrival.place,
            Snapshot.model_validate(_picture(number, arrival.patient, arrival.vitals)),
            arrival.expert,
            arrival.nurse,
            row["Injury"] == "2",
            row["Diagnosis in ED"].lower(),
        )


def _picture(
    number: int, patient: Mapping[str, Any], vitals: Mapping[str, float | str]
) -> dict[str, Any]:
    """The words of the complaint alone, no code: what they mean is triage's to say."""
    return {
        "encounter_id": f"visit-{number}",
        "age": {"value": patient["age"]["years"], "unit": "years"},
        "sex": patient["sex"],
        "complaint": patient.get("complaint_text"),
        "vital_signs": {
            name: {"state": "unmeasurable"}
            if value == "unmeasurable"
            else {"state": "measured", "value": value}
            for name, value in vitals.items()
        },
    }

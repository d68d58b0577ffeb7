"""What a protocol is chosen by: age, and whether a woman is pregnant or has lately given birth."""

from __future__ import annotations

from datetime import datetime

from schemas.encounter import Patient

_SECONDS_A_YEAR = 365.25 * 86_400


def age_of(patient: Patient, at: datetime) -> float | None:
    """The age in years at a moment: by the time of birth where it is known."""
    if patient.birth_time is not None:
        return max(0.0, (at - patient.birth_time).total_seconds() / _SECONDS_A_YEAR)
    return patient.age.years if patient.age else None


def is_obstetric(patient: Patient, postpartum_days: int) -> bool:
    """Pregnant, or delivered at most so many days ago."""
    days = patient.postpartum_days
    return patient.pregnant == "yes" or (days is not None and days <= postpartum_days)

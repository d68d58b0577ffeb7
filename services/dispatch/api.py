"""Dispatch's interface for 120 software, crews and clinics: one request is one transaction."""

from __future__ import annotations

from fastapi import APIRouter

from services.dispatch import (
    alarm_api,
    board_api,
    clinic_api,
    encounter_api,
    incident_api,
    indicator_api,
    recommendation_api,
    register_api,
    unit_api,
)

router = APIRouter()
#: The subject under which a reader finds the routes of each part.
PARTS = (
    ("calls", incident_api.router),
    ("units", unit_api.router),
    ("patients", encounter_api.router),
    ("clinics", clinic_api.router),
    ("register", register_api.router),
    ("recommendations", recommendation_api.router),
    ("indicators", indicator_api.router),
    ("alarms", alarm_api.router),
    ("alarms", alarm_api.of_units),
    ("boards", board_api.router),
    ("boards", board_api.of_units),
)
for subject, part in PARTS:
    router.include_router(part, tags=[subject])

"""Dispatch's interface for 120 software, crews and clinics: one request is one transaction."""

from __future__ import annotations

from fastapi import APIRouter

from services.dispatch import (
    alarm_api,
    clinic_api,
    encounter_api,
    incident_api,
    indicator_api,
    recommendation_api,
    register_api,
    unit_api,
)

router = APIRouter()
PARTS = (
    incident_api,
    unit_api,
    encounter_api,
    clinic_api,
    register_api,
    recommendation_api,
    indicator_api,
    alarm_api,
)
for part in PARTS:
    router.include_router(part.router)
router.include_router(alarm_api.of_units)

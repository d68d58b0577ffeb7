"""Dispatch's interface for 120 software, crews and clinics: one request is one transaction."""

from __future__ import annotations

from fastapi import APIRouter

from services.dispatch import (
    alarm_api,
    clinic_api,
    encounter_api,
    incident_api,
    indicator_api,
    unit_api,
)

router = APIRouter()
for part in (incident_api, unit_api, encounter_api, clinic_api, indicator_api, alarm_api):
    router.include_router(part.router)

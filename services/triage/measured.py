"""What monitors and humans measure, and what it changes in a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from schemas.clinical import (
    Invalid,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.triage import Input
from services.triage.picture import KEPT, Picture, Sample, among, latest, values_of

_PRESSURES = ("systolic_bp", "diastolic_bp")


_Silent: TypeAlias = Mapping[str, Mapping[str, datetime]]


def measured(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, Any]:
    if event.method == "streamed":
        update, invalid = _streamed(picture, event, at)
    else:
        update, invalid = _read(picture, event, at), list(event.vitals.invalid)
    if invalid or picture.impossible:  # seldom: most samples pay nothing for it
        update["impossible"] = _impossible(picture.but(**update), event, invalid, at)
    return update


def _contradict(vitals: VitalSigns) -> bool:
    """Whether of a cuff's pressures the lower one is not lower: an artefact."""
    upper, lower = vitals.systolic_bp, vitals.diastolic_bp
    return isinstance(upper, float) and isinstance(lower, float) and 0 < upper <= lower


def _streamed(
    picture: Picture, event: VitalSignsRecorded, at: datetime
) -> tuple[dict[str, Any], list[str]]:
    """What a monitor could not measure (a 0, no number) is a lost signal, and no value."""
    streams, silent, late = dict(picture.streams), picture.silent, picture.late
    since = picture.silent_since
    vitals, by, device_time = event.vitals, event.event_id, event.device_time
    device = event.device_id or ""
    doubted = list(_PRESSURES) if vitals.systolic_bp is not None and _contradict(vitals) else []
    for name, value in values_of(vitals):
        if value == 0 or value == "unmeasurable":
            silent = _silenced(picture, silent, name, at, device)
            if name not in since or at < since[name]:
                since = {**since, name: at}
        elif isinstance(value, Invalid):
            doubted.append(name)
        elif name not in doubted:
            sample, ring = Sample(value, at, by, device_time, device), streams.get(name)
            if ring is None:
                ring = ()
            if not ring or ring[-1].at <= at:
                streams[name] = (*ring[1 - KEPT :], sample)
                if name in silent:
                    silent = _heard(silent, name, at)
            else:
                streams[name] = among(ring, sample)
                late = {**late, name: (*late.get(name, ()), sample)[-KEPT:]}
    told = {"streams": streams, "silent": silent, "silent_since": since, "late": late}
    return told, doubted


def _silenced(picture: Picture, silent: _Silent, name: str, at: datetime, device: str) -> _Silent:
    """A monitor shows nothing; unless a newer value is known."""
    known = latest(picture, name)
    if known is not None and known[0].at > at:
        return silent
    devices = silent.get(name, {})
    return {**silent, name: {**devices, device: max(at, devices.get(device, at))}}


def _heard(silent: _Silent, name: str, at: datetime) -> _Silent:
    """There is a value again."""
    left = {device: last for device, last in silent[name].items() if last > at}
    others = {n: devices for n, devices in silent.items() if n != name}
    return {**others, name: left} if left else others


def in_gap(picture: Picture, event: Any, at: datetime) -> dict[str, Any]:
    gap = dict(picture.gap)
    doubted = _PRESSURES if _contradict(event.vitals) else ()
    for name, value in values_of(event.vitals):
        if isinstance(value, float) and value and name not in doubted:
            sample = Sample(value, at, event.event_id, event.device_time, event.device_id or "")
            gap[name] = (*gap.get(name, ()), sample)[-KEPT:]
    return {"gap": gap}


def _read(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, Any]:
    readings, silent = dict(picture.readings), picture.silent
    said = event.occurred_at if event.occurred_at > at else None
    for name, value in values_of(event.vitals):
        if not isinstance(value, Invalid):
            readings[name] = among(readings.get(name, ()), Sample(value, at, event.event_id, said))
            if name in silent:
                silent = _heard(silent, name, at)
    return {"readings": readings, "silent": silent}


def _impossible(
    after: Picture, event: VitalSignsRecorded, invalid: Iterable[str], at: datetime
) -> Mapping[str, Input]:
    """What stands of impossible values, in whatever order they come: those that nothing newer,
    taken in by the same method, has replaced."""
    found = dict(after.impossible)
    for name in invalid:
        key = f"{name}/{event.method}"
        if key not in found or found[key].occurred_at <= at:
            found[key] = Input(
                name=name,
                value=getattr(event.vitals, name),
                occurred_at=at,
                method=event.method,
                device_time=event.device_time,
            )
    return {key: i for key, i in found.items() if not _is_replaced(after, i)}


def _is_replaced(after: Picture, doubted: Input) -> bool:
    kept = after.streams if doubted.method == "streamed" else after.readings
    ring = kept.get(doubted.name, ())
    return bool(ring) and ring[-1].at >= doubted.occurred_at

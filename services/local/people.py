"""Who may be chosen at the sign-in of the embedded run: functions of its city, and nobody real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.event import Identifier
from schemas.triage import Bilingual
from services.kit.role import Role
from simulator.city import City

#: So many ambulances have a crew that can be chosen: as many as a city has when nobody says more.
CREWED = 12

AT_A_HOSPITAL = {
    "doctor": Bilingual(zh="急诊医生", en="emergency doctor"),
    "nurse": Bilingual(zh="分诊护士", en="triage nurse"),
    "beds": Bilingual(zh="床位管理员", en="bed manager"),
}
ABOARD = {
    "doctor": Bilingual(zh="随车医生", en="crew doctor"),
    "nurse": Bilingual(zh="随车护士", en="crew nurse"),
}
_DISPATCHER = Bilingual(zh="调度员", en="dispatcher")
_OPERATOR = Bilingual(zh="运维员", en="operator")
_AUDITOR = Bilingual(zh="审计员", en="auditor")


class Person(NamedTuple):
    """Somebody as the boards know them. ``sub`` is a pseudonym and ``name`` that of a function:
    both may stand in records. ``unit`` is of who rides in it."""

    sub: Identifier
    role: Role
    name: Bilingual
    facility: Identifier | None = None
    unit: Identifier | None = None


def people_of(places: City) -> tuple[Person, ...]:
    """Everybody who can be chosen, those of one role together."""
    return (
        Person("dispatcher-1", Role.DISPATCHER, _of(_DISPATCHER, "1")),
        Person("dispatcher-2", Role.DISPATCHER, _of(_DISPATCHER, "2")),
        *_aboard(places),
        *_at_hospitals(places),
        Person("operator-1", Role.OPS, _OPERATOR),
        Person("auditor-1", Role.ADMIN, _AUDITOR),
    )


def _at_hospitals(places: City) -> Iterator[Person]:
    for place in places.facilities:
        for word, function in AT_A_HOSPITAL.items():
            name = _of(function, place.name.zh, place.name.en)
            yield Person(f"{word}-{place.id}", Role.CENTRE, name, facility=place.id)


def _aboard(places: City) -> Iterator[Person]:
    for vehicle in places.vehicles(CREWED):
        for word, function in ABOARD.items():
            unit = vehicle.unit_id
            yield Person(f"{word}-{unit}", Role.CREW, _of(function, unit), unit=unit)


def _of(function: Bilingual, zh: str, en: str | None = None) -> Bilingual:
    return Bilingual(zh=f"{function.zh} · {zh}", en=f"{function.en} · {en or zh}")

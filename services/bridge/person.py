"""Numbers by which a person is known outside the facility, told by their form."""

from __future__ import annotations

import re
from datetime import datetime

#: Of GB 11643-1999: the weight of each of the first 17 digits, and the check digit by the rest of
#: their sum by 11.
_WEIGHTS, _CHECKS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
#: A mobile number of the mainland, with the country's or without.
_MOBILE = re.compile(r"(?:00)?(?:86)?1[3-9][0-9]{9}")
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]")


def is_of_a_person(number: str) -> bool:
    """Whether it looks like a resident identity number or a mobile number."""
    plain = re.sub(r"[^0-9A-Za-z]", "", number).upper()
    return bool(_MOBILE.fullmatch(plain)) or _is_resident(plain)


def _is_resident(plain: str) -> bool:
    """A date of birth within, and the check digit; an X in its place is proof enough, since who
    types a number wrong tells it nearly."""
    if not _RESIDENT.fullmatch(plain):
        return False
    try:
        datetime.strptime(plain[6:14], "%Y%m%d")  # noqa: DTZ007 (a day, of no zone)
    except ValueError:
        return False
    weighed = sum(int(digit) * by for digit, by in zip(plain[:17], _WEIGHTS, strict=True))
    return plain[17] in ("X", _CHECKS[weighed % 11])

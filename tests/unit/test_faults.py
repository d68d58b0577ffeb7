"""A log tells of a failure its class and its place, and none of the words of a library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import BaseModel

from schemas.envelope import InvalidMessage, decode
from services.kit.errors import TransientFailure
from services.kit.faults import said, traced
from services.kit.process import ROOT

NAME = "Ouyang"
EXAMPLES = sorted(
    file
    for folder in ("chest-pain", "other")
    for file in (ROOT / "schemas/examples" / folder).glob("*.json")
)


class _Aged(BaseModel):
    age: int


def _validated() -> Exception:
    try:
        _Aged.model_validate({"age": NAME})
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError(NAME), "KeyError"),
        (ValueError(NAME), "ValueError"),
        (AssertionError(NAME), "AssertionError"),
        (asyncpg.UniqueViolationError(NAME), "asyncpg.exceptions.UniqueViolationError"),
        (_validated(), "pydantic_core._pydantic_core.ValidationError"),
        (TransientFailure("it is away"), "TransientFailure: it is away"),
        (InvalidMessage("no key"), "InvalidMessage: no key"),
        (ConnectionRefusedError(111, "refused"), "ConnectionRefusedError: [Errno 111] refused"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_only_words_of_our_own_are_told(error: Exception, told: str) -> None:
    assert said(error) == told


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_all_that_led_to_it_is_told_with_its_place_and_without_its_words() -> None:
    first = raised(KeyError(NAME))
    both = ExceptionGroup(NAME, [first, raised(ValueError(NAME))])
    told = traced(raised(TransientFailure("the end of it"), both))
    assert NAME not in told
    assert [line for line in told.splitlines() if line[:1].isalpha()] == [
        *("Traceback (most recent call last):", "KeyError"),
        *("Traceback (most recent call last):", "ValueError"),
        *("Traceback (most recent call last):", "ExceptionGroup"),
        *("Traceback (most recent call last):", "TransientFailure: the end of it"),
    ]
    assert told.count("in raised") == 3


def test_what_was_under_way_is_told_too_and_what_is_suppressed_is_not() -> None:
    under_way, suppressed = TransientFailure("then this"), TransientFailure("then this")
    under_way.__context__ = suppressed.__context__ = raised(KeyError(NAME))
    suppressed.__suppress_context__ = True
    assert "KeyError" in traced(under_way)
    assert "KeyError" not in traced(suppressed)


PROGRAM = """
import asyncio, logging, threading, warnings
from services.kit import logs, settings
logs.log_as_json(settings.Settings(log_level="DEBUG"), "a test")
name = "Ouyang"
logging.getLogger("services.kit.x").debug("ours")
logging.getLogger("httpcore.http11").debug(name)
logging.getLogger("a.library").info(name)
logging.getLogger("a.library").warning("%s and %r", KeyError(name), "more")
logging.getLogger("a.library").error(ValueError(name))
warnings.warn(name, stacklevel=1)
try:
    raise ValueError(name)
except ValueError:
    logging.getLogger("a.library").exception("it failed")
def fail(name):
    raise KeyError(name)
thread = threading.Thread(target=fail, args=(name,)); thread.start(); thread.join()
class Deaf:
    def __del__(self):
        raise KeyError(name)
Deaf()
async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.unheard)
    loop.call_soon(fail, name)
    async def task():
        raise KeyError(name)
    asyncio.ensure_future(task())
    await asyncio.sleep(0.01)
asyncio.run(main())
"""


def test_whatever_fails_in_a_process_names_nobody_in_its_log() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.stderr, NAME in ended.stdout) == ("", False)
    assert [each["message"] for each in told] == [
        *("ours", "KeyError and 'more'", "ValueError", "a warning of Python's", "it failed"),
        *["a part has failed"] * 4,
    ]
    assert all("KeyError" in each["exc_info"] for each in told[5:])


def leaves(document: Any) -> list[Any]:
    """The same with a name in place of each value, and beside each as a field."""
    match document:
        case dict():
            fields = [{**document, key: each} for key in document for each in leaves(document[key])]
            return [*fields, {**document, NAME: 1}, NAME]
        case list():
            rest = range(len(document))
            inner = [
                [*document[:i], e, *document[i + 1 :]] for i in rest for e in leaves(document[i])
            ]
            return [*inner, [*document, NAME], NAME]
    return [NAME, {NAME: NAME}, [NAME]]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_reason_of_a_dead_letter_repeats_what_stood_in_the_record(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    topic, headers = document["topic"], [(n, t.encode()) for n, t in document["headers"].items()]
    reasons = []
    for value in leaves(document["value"]):
        try:
            decode(topic, document["key"].encode(), json.dumps(value).encode(), headers)
        except InvalidMessage as invalid:
            reasons.append(invalid.reason)
    assert reasons
    assert [reason for reason in reasons if NAME in reason] == []

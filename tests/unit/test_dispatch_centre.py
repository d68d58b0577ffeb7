"""The example for 120 software and its page say what the contract says."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.examples import dispatch_centre
from schemas.envelope import versions
from schemas.event import Event
from schemas.topics import registry
from schemas.unit import UnitStatus

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/kafka.md").read_text("utf-8")
GRANTED = {
    grant.topic: registry().topics[grant.topic]
    for grant in registry().grants
    if grant.user == dispatch_centre.USER
}
KINDS = {
    f"{name}.v{kind.VERSION}": kind
    for topic in dispatch_centre.TOPICS
    for name in registry().topics[topic].holds
    for kind in versions(name)
}


def test_it_reads_every_topic_of_its_user_that_somebody_writes() -> None:
    written = {name: topic.key for name, topic in GRANTED.items() if topic.events}
    assert written == dispatch_centre.TOPICS


def test_it_knows_every_event_of_its_topics() -> None:
    assert dispatch_centre.KNOWN.keys() == KINDS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_what_it_shows_of_an_event_is_there_and_no_free_text(name: str) -> None:
    *words, fields = dispatch_centre.KNOWN[name]
    assert all(words)
    texts = free_texts(KINDS[name].model_json_schema())
    for path in fields.split():
        *outer, last = path.split(".")
        kind: Any = KINDS[name]
        for each in outer:
            kind = kind.model_fields[each].annotation
        assert last in kind.model_fields
        assert last not in texts


def test_every_status_of_a_unit_has_its_word() -> None:
    assert {str(status) for status in UnitStatus} <= dispatch_centre.WORDS.keys()


def test_it_stands_alone() -> None:
    tree = ast.parse(Path(dispatch_centre.__file__).read_text("utf-8"))
    named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert named
    others = {name.partition(".")[0] for name in named} - sys.stdlib_module_names
    assert others == {"aiokafka"}


def test_its_memory_outlasts_every_topic() -> None:
    longest = max(topic.retention_days for topic in GRANTED.values())
    assert dispatch_centre.REMEMBERED_S > longest * 86_400


def test_the_page_lists_the_topics_as_they_are() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| (\d+) days \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: (key, int(days)) for name, key, days, _ in rows} == {
        name: (topic.key, topic.retention_days) for name, topic in GRANTED.items()
    }
    silent = {name for name, _, _, holds in rows if "nobody writes it yet" in holds}
    assert silent == {name for name, topic in GRANTED.items() if not topic.events}


def test_the_page_names_every_field_of_free_text_that_may_be_read() -> None:
    kinds = [kind for topic in GRANTED.values() for n in topic.holds for kind in versions(n)]
    schemas = [kind.model_json_schema() for kind in kinds]
    texts = {name for schema in schemas for name in free_texts(schema)}
    assert texts
    told = re.search(r"Free texts \((.+?)\)", PAGE, re.DOTALL)
    assert told
    assert set(re.findall(r"`(\w+)`", told[1])) == texts


def free_texts(schema: Any) -> set[str]:
    """The names of all properties that are a text of people."""
    if isinstance(schema, list):
        return {name for each in schema for name in free_texts(each)}
    if not isinstance(schema, dict):
        return set()
    own = {n for n, p in schema.get("properties", {}).items() if "'maxLength': 500" in str(p)}
    return own | {name for each in schema.values() for name in free_texts(each)}


def test_the_headers_on_the_page_are_those_of_the_contract() -> None:
    table = PAGE.partition("| Header | Holds |")[2].partition("\n\n")[0]
    names = {name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row[:40])}
    assert names >= {"ce_type", "ce_id", "ce_time", "ce_source", "ce_specversion", "content-type"}


def test_an_event_without_more_is_told_by_what_every_event_says() -> None:
    bare = {"occurred_at": "2026-03-09T06:12:00.5Z"}
    for name in dispatch_centre.KNOWN:
        event = dispatch_centre.Event(name, "K-1", "1", bare)
        assert dispatch_centre.line_of(event).startswith("2026-03-09 14:12:00  K-1  ")
    assert Event.model_fields.keys() >= bare.keys()

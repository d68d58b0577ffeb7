"""What was published stays readable: how a contract may grow, and what would break it.

A field may be added if it may be absent, a list of words may grow, a range may widen. Readers pass
over what they do not know. Everything else is another version of the event, beside the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
#: Limits that may only move outwards: by which sign a larger number is wider.
_LIMITS = {"maximum": 1, "exclusiveMaximum": 1, "maxLength": 1, "maxItems": 1,
           "minimum": -1, "exclusiveMinimum": -1, "minLength": -1, "minItems": -1}  # fmt: skip
#: What may not change at all.
_FIXED = ("type", "format", "pattern", "unit")


def breaks(published: Schema, current: Schema) -> Iterator[str]:
    """What the current contract has broken, in sentences. Both hold ``topics`` and ``events``."""
    for topic, before in published["topics"].items():
        now = current["topics"].get(topic)
        if now is None:
            yield f"{topic}: the topic is gone"
            continue
        if now["key"] != before["key"]:
            yield f"{topic}: its key was {before['key']}"
        for event in sorted(set(before["events"]) - set(now["events"])):
            yield f"{topic}: {event} is gone"
    for name, before in published["events"].items():
        now = current["events"].get(name)
        if now is None:
            yield f"{name} is gone"
        else:
            yield from (f"{name}: {said}" for said in _of(before, now, (before, now), ()))


def _of(
    before: Schema, now: Schema, roots: tuple[Schema, Schema], path: tuple[str, ...]
) -> Iterator[str]:
    """Walk both schemas together."""
    before, now = _resolved(before, roots[0]), _resolved(now, roots[1])
    if len(path) > 12:  # a schema that holds itself
        return
    here = ".".join(path) or "the event"
    for word in _FIXED:
        if before.get(word) != now.get(word):
            yield f"{here}: {word} was {before.get(word)}, and is {now.get(word)}"
    for limit, sign in _LIMITS.items():
        old, new = before.get(limit), now.get(limit)
        if new is not None and (old is None or (new - old) * sign < 0):
            yield f"{here}: {limit} was {old}, and is {new}"
    for word in sorted(_words(before) - _words(now)):
        yield f"{here}: {word} is no word any more"
    if _words(now) and not _words(before):
        yield f"{here}: any word was allowed"
    yield from _of_fields(before, now, roots, path)
    if "items" in before and "items" in now:
        yield from _of(before["items"], now["items"], roots, (*path, "[]"))
    yield from _of_choices(before, now, roots, path)


def _of_fields(
    before: Schema, now: Schema, roots: tuple[Schema, Schema], path: tuple[str, ...]
) -> Iterator[str]:
    fields, present = before.get("properties", {}), now.get("properties", {})
    required, wanted = set(before.get("required", ())), set(now.get("required", ()))
    for name in fields:
        field = ".".join((*path, name))
        if name not in present:
            yield f"{field} is gone"
        elif name in required - wanted:
            yield f"{field} was always there, and may be absent now"
        elif name in wanted - required:
            yield f"{field} may be absent in what was written before"
        if name in present:
            yield from _of(fields[name], present[name], roots, (*path, name))
    for name in sorted(wanted - set(fields)):
        yield f"{'.'.join((*path, name))} is new, and absent in what was written before"


def _of_choices(
    before: Schema, now: Schema, roots: tuple[Schema, Schema], path: tuple[str, ...]
) -> Iterator[str]:
    """Each choice that was there is there, in any order; there may be more."""
    left = [_resolved(choice, roots[1]) for choice in now.get("anyOf", ())]
    for choice in before.get("anyOf", ()):
        known = _resolved(choice, roots[0])
        found = next((c for c in left if not list(_of(known, c, roots, path))), None)
        if found is None:
            yield f"{'.'.join(path)}: one of its choices is gone ({_name(known)})"
        else:
            left.remove(found)


def _words(schema: Schema) -> set[str]:
    """The words that are allowed; none when all are."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return {str(word) for word in listed}


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        *_, name = str(schema["$ref"]).rpartition("/")
        schema = {**root["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _name(schema: Schema) -> str:
    return str(schema.get("title") or schema.get("type") or schema.get("const") or "a choice")

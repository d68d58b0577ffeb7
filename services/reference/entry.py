"""One operation as it stands on the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html import escape

from services.reference.example import curl, spelt
from services.reference.fields import Field, all_fields_of, shape_of
from services.reference.interface import Interface, Json, Operation
from services.reference.markup import both, code, prose
from services.reference.rows import kinds, rows
from services.reference.words import Words


def place_of(service: str, name: str) -> str:
    """Where a schema stands on the page."""
    return f"{service}-type-{name}"


def entry(operation: Operation, of: Interface, words: Words) -> str:
    """Closed it says what it does and for whom; opened, all of it."""
    first, rest = told(operation.text)
    more = f'<p lang="en">{prose(rest)}</p>' if rest else ""
    verb = operation.method
    return (
        f'<details class="operation" id="{escape(operation.anchor)}"><summary>'
        f'<b class="verb {verb.lower()}">{verb}</b> <code>{_path(operation.path)}</code>'
        f'<span class="callers">{_callers(operation, words)}</span>'
        f'<span class="does" lang="en">{prose(first)}</span></summary>'
        f"{more}{''.join(_sections(operation, of, words))}</details>\n"
    )


def told(text: str) -> tuple[str, str]:
    """The first sentence, and the others."""
    first, end, rest = " ".join(text.split()).partition(". ")
    return first + end.strip(), rest


def _path(path: str) -> str:
    """It may be broken before each of its steps."""
    return escape(path).replace("/", "<wbr>/")


def _callers(operation: Operation, words: Words) -> str:
    """In Chinese and in few words; opened, the operation says it in full."""
    named = "、".join(words.roles[role].title.zh for role in operation.roles)
    if not operation.roles:
        named = words.labels["anyone"].zh
    return escape(words.labels["everyone"].zh if _for_all(operation, words) else named)


def _for_all(operation: Operation, words: Words) -> bool:
    return set(operation.roles) == set(words.roles)


def _sections(operation: Operation, of: Interface, words: Words) -> Iterator[str]:
    yield _section("who", f"<p>{_who(operation, words)}</p>", words)
    if operation.parameters:
        named = [_parameter(each, of.parts) for each in operation.parameters]
        yield _section("parameters", rows(named, words, partial(place_of, of.service)), words)
    if operation.body:
        yield _section("body", _body(operation, of, words), words)
    yield _section("answer", _answers(operation, of, words), words)
    if operation.refusals:
        listed = " ".join(
            f'<a href="#refusals"><code>{status}</code></a>' for status in operation.refusals
        )
        yield _section("refusals", f"<p>{listed}</p>", words)
    command = escape(curl(operation, of.parts, words.examples), quote=False)
    yield _section("example", f"<pre>{command}</pre>", words)


def _section(label: str, inner: str, words: Words) -> str:
    return f"<h4>{both(words.labels[label])}</h4>{inner}"


def _who(operation: Operation, words: Words) -> str:
    if not operation.roles:
        return both(words.labels["anyone"])
    if _for_all(operation, words):
        return both(words.labels["everyone"])
    named = []
    for role in operation.roles:
        own = f"（{both(words.labels['own'])}）" if role in operation.confined else ""
        named.append(f"{escape(words.roles[role].title.zh)} {code(role)}{own}")
    return "、".join(named)


def _parameter(said: Json, parts: Json) -> Field:
    """As a field, with the place where it is written."""
    shape = shape_of(said["schema"], parts)
    placed = replace(shape, limits=(*shape.limits, (said["in"], "")))
    return Field("", spelt(said["name"]), placed, bool(said.get("required")), "")


def _body(operation: Operation, of: Interface, words: Words) -> str:
    media, schema = operation.body or ("", {})
    fields = list(all_fields_of(schema, of.parts))
    if not fields:
        return f'<p>{code(media)}</p><p lang="en">{prose(schema.get("description", ""))}</p>'
    return rows(fields, words, partial(place_of, of.service))


def _answers(operation: Operation, of: Interface, words: Words) -> str:
    said = []
    for answer in operation.answers:
        shape = shape_of(answer.schema, of.parts)
        what = kinds(shape, words, partial(place_of, of.service)) if answer.schema else ""
        media = "" if answer.media == "application/json" and what else code(answer.media)
        said.append(f"<p><code>{answer.status}</code> {what} {media}</p>")
    return "".join(said)

"""The fields of a schema as rows of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from services.reference.fields import Field, Kind, Shape, shown
from services.reference.markup import both, code, prose
from services.reference.words import Words

#: Gives the address of a schema's own place on the page.
Address = Callable[[str], str]


def rows(fields: Iterable[Field], words: Words, address: Address, asks: bool = True) -> str:
    """A row for each field. ``asks``: they are sent to us, so what is required is marked."""
    return f"<dl>{''.join(_row(field, words, address, asks) for field in fields)}</dl>"


def kinds(shape: Shape, words: Words, address: Address) -> str:
    """What a value is; of several kinds, one."""
    return " | ".join(_kind(each, words, address) for each in shape.kinds)


def _kind(kind: Kind, words: Words, address: Address) -> str:
    many = escape(kind.many)
    if kind.is_part:
        return f'<a href="#{escape(address(kind.name))}">{escape(shown(kind.name))}</a>{many}'
    told = words.kinds.get(kind.name)
    return (both(told) if told else escape(kind.name)) + many


def _row(field: Field, words: Words, address: Address, asks: bool) -> str:
    required = f' <b class="must">{both(words.labels["required"])}</b>'
    within = f"<i>{escape(field.within)}</i>" if field.within else ""
    name = f"<code>{within}{escape(field.name)}</code>{required * (asks and field.is_required)}"
    said = [f"<p>{_line(field, words, address, asks)}</p>"]
    if field.shape.allowed:
        listed = " ".join(code(word) for word in field.shape.allowed)
        said.append(f'<p class="words">{listed}</p>')
    if field.shape.text:
        said.append(f'<p lang="en">{prose(field.shape.text)}</p>')
    return f"<div><dt>{name}</dt><dd>{''.join(said)}</dd></div>"


def _line(field: Field, words: Words, address: Address, asks: bool) -> str:
    """What it is, within which limits, and what stands when it is left out. What lies in a part of
    a body stands in the rows that follow it, and has no other place."""
    shape, part = field.shape, field.shape.only_part
    told = [_kind(part._replace(name="object", is_part=False), words, address)
            if asks and part else kinds(shape, words, address)]  # fmt: skip
    for word, limit in shape.limits:
        said = [both(words.labels[word])] if word else []
        said += [code(words.units.get(limit, limit))] if limit else []
        told.append(f'<span class="limit">{" ".join(said)}</span>')
    if shape.is_nullable and (field.is_required or not asks):
        told.append(both(words.labels["or_null"]))
    if asks and field.default:
        told.append(f"{both(words.labels['default'])} {code(field.default)}")
    return " · ".join(told)

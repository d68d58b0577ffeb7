"""The reference: one page that needs no script and no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from html import escape

from services.reference.entry import entry, place_of
from services.reference.fields import Shape, all_fields_of, fields_of, shape_of, shown
from services.reference.interface import Interface, Operation
from services.reference.markup import both, code, paragraphs, prose
from services.reference.rows import rows
from services.reference.words import Words

#: Nothing may be asked for, and nothing may run, whatever stood in a text.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(interfaces: Sequence[Interface], words: Words, style: str) -> str:
    """All of it."""
    return (
        '<!doctype html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>绿色通道 Green Channel · {escape(words.title.zh)} {escape(words.title.en)}</title>"
        f"\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{_contents(interfaces, words)}<main>\n{_opening(interfaces, words)}"
        f"{''.join(_service(each, words) for each in interfaces)}"
        f"{''.join(_types(each, words) for each in interfaces)}</main>\n</body>\n</html>\n"
    )


def _contents(interfaces: Sequence[Interface], words: Words) -> str:
    lines = [f'<li><a href="#opening">{both(words.title)}</a></li>']
    for each in interfaces:
        subjects = "".join(
            f'<li><a href="#{_place(each, subject)}">{both(words.subject(subject))}</a>'
            f" <small>{len(operations)}</small></li>"
            for subject, operations in each.by_subject.items()
        )
        title = both(words.services[each.service].title)
        lines.append(f'<li><a href="#{each.service}">{title}</a><ul>{subjects}</ul></li>')
    types = "".join(
        f'<li><a href="#{each.service}-types">{both(words.services[each.service].title)}</a></li>'
        for each in interfaces
    )
    lines.append(f"<li>{both(words.labels['types'])}<ul>{types}</ul></li>")
    heading = both(words.labels["contents"])
    return f'<nav id="contents"><h2>{heading}</h2><ul>{"".join(lines)}</ul></nav>\n'


def _opening(interfaces: Sequence[Interface], words: Words) -> str:
    version = interfaces[0].document["info"]["version"]
    general = "".join(
        f"<h3>{both(each.title)}</h3>{_pair(paragraphs(each.text))}" for each in words.general
    )
    return (
        f'<header id="opening"><h1>绿色通道 <span lang="en">Green Channel</span> · '
        f"{both(words.title)} <small>{escape(version)}</small></h1>"
        f"{_pair(paragraphs(words.lead))}</header>\n<section>{general}"
        f"<h3>{both(words.labels['roles'])}</h3>{_roles(words)}"
        f'<h3 id="refusals">{both(words.labels["refusals"])}</h3>'
        f"{_pair(paragraphs(words.labels['problem']))}{_refusals(interfaces, words)}</section>\n"
    )


def _pair(two: str) -> str:
    return f'<div class="pair">{two}</div>'


def _roles(words: Words) -> str:
    listed = "".join(
        f"<div><dt>{code(role)} {both(told.title)}</dt><dd>{both(told.text)}</dd></div>"
        for role, told in words.roles.items()
    )
    return f"<dl>{listed}</dl>"


def _refusals(interfaces: Sequence[Interface], words: Words) -> str:
    said = {status: text for each in interfaces for status, text in each.refusals.items()}
    listed = "".join(
        f"<div><dt>{code(status)}</dt><dd>{prose(words.refusals.get(status, ''))}"
        f' <span lang="en">{prose(text)}</span></dd></div>'
        for status, text in sorted(said.items())
    )
    return f'<dl class="narrow">{listed}</dl>'


def _service(of: Interface, words: Words) -> str:
    told = words.services[of.service]
    return (
        f'<section class="service"><h2 id="{of.service}">{both(told.title)}</h2>'
        f"{_pair(paragraphs(told.text))}"
        + "".join(
            _subject(of, subject, operations, words)
            for subject, operations in of.by_subject.items()
        )
        + "</section>\n"
    )


def _subject(of: Interface, name: str, operations: Sequence[Operation], words: Words) -> str:
    top = f'<a class="top" href="#contents">{both(words.labels["top"])}</a>'
    heading = f'<h3 id="{_place(of, name)}"><b>{both(words.subject(name))}</b>{top}</h3>\n'
    return heading + "".join(entry(operation, of, words) for operation in operations)


def _place(of: Interface, subject: str) -> str:
    return escape(f"{of.service}-{subject}")


def _types(of: Interface, words: Words) -> str:
    title = words.services[of.service].title
    told = "".join(_type(of, name, words) for name in answered(of))
    return (
        f'<section class="types"><h2 id="{of.service}-types">{both(words.labels["types"])} · '
        f"{both(title)}</h2>{told}</section>\n"
    )


def _type(of: Interface, name: str, words: Words) -> str:
    part = of.parts[name]
    text = part.get("description", "")
    fields = rows(fields_of(part, of.parts), words, partial(place_of, of.service), asks=False)
    return (
        f'<h3 id="{escape(place_of(of.service, name))}">{code(shown(name))}</h3>'
        f'<p lang="en">{prose(text)}</p>{fields}\n'
    )


def answered(of: Interface) -> list[str]:
    """The schemas that the page has to explain: all that an answer holds, or a field of a body
    that may be one of several."""
    found: set[str] = set()
    waiting = {kind.name for shape in _told(of) for kind in shape.kinds if kind.is_part}
    while waiting:
        name = waiting.pop()
        found.add(name)
        shapes = (field.shape for field in fields_of(of.parts[name], of.parts))
        waiting |= {kind.name for shape in shapes for kind in shape.kinds if kind.is_part} - found
    return sorted(found)


def _told(of: Interface) -> Iterator[Shape]:
    for operation in of.operations:
        yield from (shape_of(answer.schema, of.parts) for answer in operation.answers)
        _, body = operation.body or ("", {})
        fields = all_fields_of(body, of.parts)
        yield from (field.shape for field in fields if field.shape.only_part is None)

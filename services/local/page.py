"""The pages of the embedded run's sign-in. They need no script, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from schemas.triage import Bilingual
from services.kit.role import Role
from services.local.people import Person

_ROLES = {
    Role.CENTRE: Bilingual(zh="医院", en="Hospital"),
    Role.DISPATCHER: Bilingual(zh="调度", en="Dispatch"),
    Role.CREW: Bilingual(zh="急救车组", en="Ambulance crew"),
    Role.PRIMARY_CARE: Bilingual(zh="基层医疗机构", en="Clinic"),
    Role.OPS: Bilingual(zh="运维", en="Operations"),
    Role.ADMIN: Bilingual(zh="管理", en="Administration"),
}
_NO_DEVICE = Bilingual(
    zh="非医疗器械认证产品：仅供参考，不得据此作出临床决定。",
    en="Not a certified medical device: for information, and no ground for a clinical decision.",
)
_SIMULATED = "A simulated run: no real patients, and no passwords."
_STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.125rem}[lang=en]{opacity:.8}
section{display:grid;align-content:start;gap:.5rem}
h2{margin:1rem 0 0}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}nav a{color:inherit;padding:.5rem 0}
@media (min-width:56rem){nav{display:none}
form{display:grid;grid-template:repeat(4,auto) 1fr/repeat(3,minmax(0,1fr));gap:0 1rem}
.crew{grid-area:1/2/span 5/3}.centre{grid-area:1/3/span 5/4}}
button{font:inherit;text-align:start;padding:.5rem .75rem;min-height:3.5rem;cursor:pointer}
button [lang=en]{display:block;font-size:.875rem}"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def policy(origins: Iterable[str]) -> str:
    """The Content-Security-Policy of these pages. A browser that follows a form's answer asks for
    the place it leads to as well, so those of the client stand beside ours."""
    forms = " ".join(sorted(origins))
    return (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def choice(people: Sequence[Person], action: str, ticket: str) -> str:
    """One button for each person, those of a role together."""
    groups: dict[Role, list[Person]] = {}
    for person in people:
        groups.setdefault(person.role, []).append(person)
    ways = "".join(f'<a href="#{role}">{_named(role)}</a>' for role in groups)
    sections = "".join(_section(role, members) for role, members in groups.items())
    return _page(
        Bilingual(zh="请选择身份登录", en="Sign in: who are you?"),
        f"<p>模拟运行，没有真实患者，也没有密码。{_en(_SIMULATED)}</p>"
        f'<nav>{ways}</nav><form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="ticket" value="{escape(ticket)}">'
        f"{sections}</form>",
    )


def notice(title: Bilingual, text: Bilingual) -> str:
    """A page that says one thing."""
    return _page(title, f"<p>{escape(text.zh)} {_en(text.en)}</p>")


def _section(role: Role, members: Iterable[Person]) -> str:
    buttons = "".join(
        f'<button name="person" value="{escape(person.sub)}">{escape(person.name.zh)} '
        f"{_en(person.name.en)}</button>"
        for person in members
    )
    return f'<section id="{role}" class="{role}"><h2>{_named(role)}</h2>{buttons}</section>'


def _named(role: Role) -> str:
    return f"{_ROLES[role].zh} {_en(_ROLES[role].en)}"


def _en(text: str) -> str:
    return f'<span lang="en">{escape(text)}</span>'


def _page(title: Bilingual, inner: str) -> str:
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title.zh)} · Green Channel</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title.zh)} {_en(title.en)}</h1>{inner}"
        f"<footer><p>{_NO_DEVICE.zh} {_en(_NO_DEVICE.en)}</p></footer></main></body></html>"
    )

"""HTML from words: everything that is said is escaped here."""

from __future__ import annotations

import re
from html import escape

from schemas.triage import Bilingual


def prose(text: str) -> str:
    """A sentence; what stands between backticks is code. Where its file breaks a line after a sign
    as wide as a Chinese letter, no space is meant."""
    text = re.sub(r"(?<=[，。；：、）]) ", "", text)
    return re.sub(r"(``?)(.+?)\1", r"<code>\2</code>", escape(text, quote=False))


def code(text: str) -> str:
    """A word of the interface."""
    return f"<code>{escape(text, quote=False)}</code>"


def both(words: Bilingual) -> str:
    """Chinese, and English beside it."""
    if not words.en or words.en == words.zh:
        return prose(words.zh)
    return f'{prose(words.zh)} <span lang="en">{prose(words.en)}</span>'


def paragraphs(words: Bilingual) -> str:
    """Chinese, and English below or beside it."""
    return f'<p>{prose(words.zh)}</p><p lang="en">{prose(words.en)}</p>'

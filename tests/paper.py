"""Reads what a browser has printed: how many pages, and the words that stand on them."""

from __future__ import annotations

import re
import unicodedata
import zlib

_OBJECT = re.compile(rb"(?ms)^(\d+) 0 obj\b(.*?)^endobj")
_STREAM = re.compile(rb"(?s)^(.*?)\bstream\r?\n(.*)\r?\nendstream")
_SHOWN = re.compile(rb"/F(\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|\[((?:[^\[\]])*)\] TJ")
#: What else a glyph may be read as stands before it; it is read by its font.
_READ_AS = re.compile(rb"/ActualText ?<[0-9A-Fa-f]*>")
_CODE = re.compile(rb"<([0-9A-Fa-f]+)>")


def pages_of(paper: bytes) -> int:
    """How many pages there are."""
    return len(re.findall(rb"/Type ?/Page\b", paper))


def text_of(paper: bytes) -> str:
    """The words on all pages, as ``plain`` writes them: what has no glyph is not in it."""
    objects = {int(n): body for n, body in _OBJECT.findall(paper)}
    streams = {n: _inflated(body) for n, body in objects.items()}
    letters = {n: _letters(n, objects, streams) for n, body in objects.items() if b"/Font" in body}
    told: list[str] = []
    for body in objects.values():
        if re.search(rb"/Type ?/Page\b", body):
            for content in re.findall(rb"/Contents (\d+) 0 R", body):
                told.extend(_words(streams[int(content)], letters))
    return plain("".join(told))


def plain(words: str) -> str:
    """Without blanks, and with one form of each letter."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", words))


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body.strip())
    if not found:
        return b""
    return zlib.decompress(found[2]) if b"/FlateDecode" in found[1] else found[2]


def _letters(number: int, objects: dict[int, bytes], streams: dict[int, bytes]) -> dict[int, str]:
    """What each code of a font is to be read as."""
    table = re.search(rb"/ToUnicode (\d+) 0 R", objects[number])
    if table is None:
        return {}
    found: dict[int, str] = {}
    text = streams[int(table[1])]
    for block in re.findall(rb"(?s)beginbfchar(.*?)endbfchar", text):
        codes = _CODE.findall(block)
        for code, letter in zip(codes[::2], codes[1::2], strict=True):
            found[int(code, 16)] = bytes.fromhex(letter.decode()).decode("utf-16-be")
    for block in re.findall(rb"(?s)beginbfrange(.*?)endbfrange", text):
        codes = _CODE.findall(block)
        for first, last, letter in zip(codes[::3], codes[1::3], codes[2::3], strict=True):
            begin = int(letter, 16)
            for place in range(int(last, 16) - int(first, 16) + 1):
                found[int(first, 16) + place] = chr(begin + place)
    return found


def _words(content: bytes, letters: dict[int, dict[int, str]]) -> list[str]:
    told, font = [], 0
    for chosen, plain, spaced in _SHOWN.findall(_READ_AS.sub(b"", content)):
        if chosen:
            font = int(chosen)
            continue
        for code in [plain] if plain else _CODE.findall(spaced):
            codes = [int(code[n : n + 4], 16) for n in range(0, len(code), 4)]
            told.append(
                "".join(
                    letters.get(font, {}).get(each, "\N{REPLACEMENT CHARACTER}") for each in codes
                )
            )
    return told

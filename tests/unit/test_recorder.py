"""A recording is asked for in words that can be understood, or the answer says what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner

from schemas.recording import Head, WrongFile, head_line
from services.cli import main
from simulator.examples import FOLDER
from simulator.player import check, due

HEAD = head_line(Head(["ambulance-vitals"], 1, 2))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--since", "yesterday"], "yesterday is no time: 2026-03-01T08:00:00+08:00"),
        (["--until", "2026-03-01T08:00:00"], "has no zone"),
        (["--for", "5", "--since", "2026-03-01T08:00:00Z"], "leave out --since"),
        (["--since", "2026-03-01T08:00:00Z", "--until", "2026-03-01T07:00:00Z"], "not after"),
        (["--topic", "ambulance-smells"], "ambulance-smells is none of dispatch-incidents,"),
        (["--for", "0"], "x>0"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(
    tmp_path: Path, words: list[str], complaint: str
) -> None:
    given = ["record", str(tmp_path / "f"), "--endpoints", str(tmp_path / "e"), *words]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 2
    assert complaint in result.output


def test_where_no_system_runs_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "f.ndjson"
    result = CliRunner().invoke(main, ["record", str(file), "--endpoints", str(tmp_path / "e")])
    assert result.exit_code == 2
    assert "no system runs there" in result.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_again_is_looked_at_before_anything_starts(tmp_path: Path) -> None:
    good, packed = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    good.write_text(HEAD, "utf-8")
    packed.write_bytes(gzip.compress(HEAD.encode()))
    for path in (good, packed, tmp_path):
        check(path)
    (tmp_path / "none").mkdir()
    wrong = {tmp_path / "c.ndjson": b"other", tmp_path / "d.ndjson.gz": HEAD.encode(),
             tmp_path / "e.ndjson": packed.read_bytes(), tmp_path / "f.ndjson": b""}  # fmt: skip
    for path, content in wrong.items():
        path.write_bytes(content)
        with pytest.raises(WrongFile, match=path.name):
            check(path)
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(WrongFile):
            check(path)


@pytest.mark.parametrize("word", [["--seed", "3"], ["--realism", "all"], ["--for", "9"]])
def test_a_recording_is_said_as_it_was(tmp_path: Path, word: list[str]) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text(HEAD, "utf-8")
    result = CliRunner().invoke(main, ["run", "--recording", str(file), *word])
    assert result.exit_code == 2
    assert "leave out what makes a city" in result.output


def test_where_a_recording_is_broken_it_says_in_which_file_and_line(tmp_path: Path) -> None:
    whole = (FOLDER / "05-cut_hand.ndjson").read_bytes()
    packed = bytearray(gzip.compress(whole, mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    broken = {
        "cut.ndjson": whole[:-100],
        "cut.ndjson.gz": gzip.compress(whole)[:-100],
        "bits.ndjson.gz": bytes(packed),
        "text.ndjson": whole + b"\xff\xfe\n",
    }
    for name, content in broken.items():
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(WrongFile, match=name):
            list(due(file))
    good = tmp_path / "good.ndjson.gz"
    good.write_bytes(gzip.compress(whole))
    found = list(due(good))
    assert len(found) == whole.count(b"\n") - 1
    assert found[0].after == 0.0

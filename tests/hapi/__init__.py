"""HAPI, the judge of what we send to hospitals: it validates FHIR and parses HL7 v2, in Java.

Its jars (``pom.xml``) come once by Maven into the user's cache. Where no Maven or no Java compiler
is, or the jars cannot be fetched, who asks is skipped and named as NOT RUN.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from platformdirs import user_cache_path

_HERE = Path(__file__).parent
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
#: Of what FHIR's validator says; the rest are hints.
WRONG = ("fatal", "error")


class Issue(NamedTuple):
    """What the validator says of a place in a resource."""

    severity: str
    at: str
    says: str


class Parsed(NamedTuple):
    """A message of HL7 v2 as the parser understood it."""

    #: What is wrong; none for a good message.
    error: str | None
    #: Such as ``ADT_A05``; none where it cannot be parsed.
    structure: str | None
    #: By name (``PID-3``), of the first segment of each name, as it is written in the message.
    fields: Mapping[str, str]


def validate_fhir(files: Sequence[Path]) -> list[list[Issue]]:
    """What is wrong with each file as FHIR R4 (4.0.1), and hints; one Java for all of them."""
    found: dict[str, list[Issue]] = {str(file): [] for file in files}
    for line in _run("Fhir.java", files):
        found[line["file"]].append(Issue(line["severity"], line["at"], line["says"]))
    return [found[str(file)] for file in files]


def errors(issues: Sequence[Issue]) -> list[Issue]:
    """Those for which a server may refuse the resource."""
    return [issue for issue in issues if issue.severity in WRONG]


def parse_hl7(files: Sequence[Path]) -> list[Parsed]:
    """Each file, a message of HL7 v2.5.1 in ER7, as HAPI reads it; one Java for all of them."""
    lines = {line["file"]: line for line in _run("Hl7.java", files)}
    said = [lines[str(file)] for file in files]
    return [Parsed(s["error"], s.get("structure"), s.get("fields", {})) for s in said]


def _run(program: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    """The lines of JSON that a program of ours in Java prints about these files."""
    # Its quick compiler alone: a run is too short for the thorough one.
    java = [
        "java",
        "-Xmx1g",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{_jars()}/*",
        str(_HERE / program),
        *map(str, files),
    ]
    done = subprocess.run(java, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _jars() -> Path:
    """The folder with the jars of this ``pom.xml``; it is there whole, or not at all."""
    for program, package in (("mvn", "Maven"), ("javac", "compiler for Java")):
        if shutil.which(program) is None:
            pytest.skip(f"no {package} on this machine")
    pom = _HERE / "pom.xml"
    cache = user_cache_path("greenchannel") / "hapi"
    folder = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who runs beside us fetches, or waits
        if not folder.exists():
            _fetch(pom, folder)
    return folder


def _fetch(pom: Path, folder: Path) -> None:
    """By Maven, which compares each jar with its sum (``-C``). What it keeps for itself goes."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        options = [f"-Dmaven.repo.local={scratch}/repository", f"-DoutputDirectory={scratch}/jars"]
        fetched = subprocess.run(
            ["mvn", "-B", "-q", "-C", "-f", str(pom), *options, _COPY],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if fetched.returncode != 0:
            said = [line for line in fetched.stdout.splitlines() if line.startswith("[ERROR]")]
            pytest.skip(f"Maven cannot fetch HAPI: {said[0][:200] if said else 'no reason given'}")
        Path(scratch, "jars").rename(folder)

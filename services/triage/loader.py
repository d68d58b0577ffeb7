"""Reads sets of protocols from folders of YAML. What is wrong is told by file, rule and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from services.triage.centres import Centres
from services.triage.complaints import Vocabulary
from services.triage.frame import Frame, with_site
from services.triage.protocol import Protocol, by_age
from services.triage.rulebook import Rulebook, from_memory
from services.triage.scores import Scores

#: The set that is used where no other is asked for.
DEFAULT = "default"
#: How the name of a file ends that adds to one of the set below it.
_ADDS = ".add.yaml"
#: The safe loader, in C where the library has it.
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ModelT = TypeVar("ModelT", bound=BaseModel)


class ProtocolRefused(Exception):
    """A set does not load: a line for each thing to mend, with its file, rule and reason."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class _Read(NamedTuple):
    file: str
    document: Mapping[str, Any]


def shipped() -> Mapping[str, Traversable]:
    """The sets that lie beside the code, by name."""
    root = files("services.triage") / "protocols"
    return {folder.name: folder for folder in root.iterdir() if folder.is_dir()}


def folder_of(name_or_path: str) -> Traversable:
    """A set by its name, or any folder. Raises ``ProtocolRefused``."""
    found = shipped().get(name_or_path) or Path(name_or_path)
    if not found.is_dir():
        known = ", ".join(sorted(shipped()))
        raise ProtocolRefused([f"{name_or_path}: no folder, and none of the sets {known}"])
    return found


def active(name_or_path: str = DEFAULT, site: Path | None = None) -> Rulebook:
    """The set that decides. Raises ``ProtocolRefused``, also for a number from memory (M)."""
    loaded = _load(name_or_path, site)
    remembered = [
        f"{file}: {place}: evidence M (from memory) never decides; load the set on trial instead"
        for file, model in loaded.models
        for place in from_memory(model)
    ]
    if remembered:
        raise ProtocolRefused(remembered)
    return loaded.rulebook


def on_trial(name_or_path: str, site: Path | None = None) -> Rulebook:
    """A set that may hold numbers from memory: nobody acts on what it says."""
    return _load(name_or_path, site).rulebook


class _Loaded(NamedTuple):
    rulebook: Rulebook
    models: Sequence[tuple[str, BaseModel]]


def _load(name_or_path: str, site: Path | None) -> _Loaded:
    folder = folder_of(name_or_path)
    read = list(_documents(folder))
    wrong: list[str] = []
    models: list[tuple[str, BaseModel]] = []
    frames = _with("set", read)
    if site is not None:
        said = _yaml(site, site.name)
        frames = [_Read(f.file, with_site(f.document, said)) for f in frames]
    found: dict[str, list[Any]] = {"frames": _all(Frame, frames, wrong, {})}
    if wrong or not frames:  # every other document names what the frame sets
        raise ProtocolRefused(wrong or [f"{folder.name}: no document of it says what `set` it is"])
    ages = found["frames"][-1][1].site.ages
    plain = [_Read(r.file, d) for r in _with("protocol", read) for d in by_age(r.document)]
    found["protocols"] = _all(Protocol, plain, wrong, ages)
    for part, kind, word in _PARTS:
        found[part] = _all(kind, _with(word, read), wrong, ages)
    known = {"set", "protocol", *(word for _, _, word in _PARTS)}
    for file, document in read:
        if not known & document.keys():
            wrong.append(f"{file}: none of {', '.join(sorted(known))} stands in it")
    if wrong:
        raise ProtocolRefused(wrong)
    parts = {part: tuple(model for _, model in pairs) for part, pairs in found.items()}
    models = [pair for pairs in found.values() for pair in pairs]
    try:
        return _Loaded(Rulebook(name=folder.name, **parts), models)
    except ValidationError as error:
        raise ProtocolRefused([f"{folder.name}: {line}" for line in _lines(error)]) from None


#: The parts of a set beside its frame and its protocols, and the word by which a document is one.
_PARTS: Sequence[tuple[str, type[BaseModel], str]] = (
    ("centres", Centres, "centres"),
    ("scores", Scores, "scores"),
    ("vocabularies", Vocabulary, "categories"),
)


def _documents(folder: Traversable) -> Iterator[_Read]:
    """The documents of a folder, and those of the set that it stands on where it has none of that
    name. ``centres.add.yaml`` adds to ``centres.yaml`` of that set, or changes parts of it."""
    own = {
        file.name: _yaml(file, file.name)
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    }
    bases = [own.pop(name)["based_on"] for name in list(own) if "based_on" in own[name]]
    base = {r.file: r.document for based in bases for r in _documents(folder_of(based))}
    for name in [name for name in own if name.endswith(_ADDS)]:
        whole = name.removesuffix(_ADDS) + ".yaml"
        if whole not in base:
            raise ProtocolRefused([f"{name}: there is no {whole} that it could add to"])
        base[whole] = _merged(base[whole], own.pop(name))
    yield from (_Read(name, document) for name, document in {**base, **own}.items())


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Deep: what both hold as mappings is merged, of all else the other's stands."""
    merged = dict(one)
    for name, part in other.items():
        known = one.get(name)
        both = isinstance(known, Mapping) and isinstance(part, Mapping)
        merged[name] = _merged(known, part) if both else part  # type: ignore[arg-type]
    return merged


def _yaml(file: Traversable, name: str) -> Mapping[str, Any]:
    try:
        read = yaml.load(file.read_text("utf-8"), _YAML)  # noqa: S506 (safe: see there)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProtocolRefused([f"{name}: no YAML: {str(error).splitlines()[0]}"]) from None
    if not isinstance(read, dict):
        raise ProtocolRefused([f"{name}: no document"])
    return read


def _with(word: str, read: Sequence[_Read]) -> list[_Read]:
    return [r for r in read if word in r.document]


def _all(
    model: type[ModelT], read: Sequence[_Read], wrong: list[str], ages: Mapping[str, str]
) -> list[tuple[str, ModelT]]:
    """The documents as models, each with the name of its file and, of several in one, its own."""
    found = []
    for file, document in read:
        name = document.get("protocol", "")
        place = f"{file} ({name})" if name and not file.startswith(f"{name}.") else file
        try:
            found.append((place, model.model_validate(document, context=ages)))
        except ValidationError as error:
            wrong += [f"{place}: {line}" for line in _lines(error)]
    return found


def _lines(error: ValidationError) -> Iterator[str]:
    """Each thing that is wrong, by the rule it stands in."""
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in problem["loc"])
        yield f"{place}: {problem['msg']}" if place else problem["msg"]

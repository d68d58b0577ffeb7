"""Reads sets of protocols from folders of YAML. What is wrong is told by file, rule and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.kit.documents import NoDocument, read_yaml
from services.triage.centres import Centres
from services.triage.complaints import Vocabulary
from services.triage.frame import Frame, with_site
from services.triage.protocol import Also, Protocol, by_age
from services.triage.rulebook import Rulebook, from_memory, version_of
from services.triage.scores import Scores
from services.triage.terms import Years, check_unit

#: The set that is used where no other is asked for.
DEFAULT = "default"
#: How the name of a file ends that adds to one of the set below it.
_ADDS = ".add.yaml"
_AGE: TypeAdapter[float] = TypeAdapter(Years)
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
    """A set as a site uses it. What is wrong with the site's file alone is told by that file."""
    said = _yaml(site, site.name) if site is not None else {}
    try:
        return _with_site(name_or_path, said)
    except ProtocolRefused as refused:
        if site is None:
            raise
        _with_site(name_or_path, {})
        raise ProtocolRefused([f"{site.name}: {line}" for line in refused.lines]) from None


def _with_site(name_or_path: str, said: Mapping[str, Any]) -> _Loaded:
    folder = folder_of(name_or_path)
    read = list(_documents(folder))
    wrong: list[str] = []
    frames = _with("set", read)
    if said:
        frames = [_Read(file, with_site(document, said)) for file, document in frames]
    found: dict[str, list[Any]] = {"frames": _all(Frame, frames, wrong, {})}
    wrong += [f"{file}: {line}" for file, frame in found["frames"] for line in _amiss(frame)]
    if wrong or not frames:  # every other document names what the frame sets
        raise ProtocolRefused(wrong or [f"{folder.name}: no document of it says what `set` it is"])
    ages = found["frames"][-1][1].site.ages
    everyones: Mapping[str, Any] = next(
        (document["everyone"] or {} for _, document in _with("everyone", read)), {}
    )
    plain = [
        _Read(file, each)
        for file, document in _with("protocol", read)
        for each in by_age(_with_everyones(file, document, everyones))
    ]
    found["protocols"] = _all(Protocol, plain, wrong, ages)
    for part, kind, word in _PARTS:
        found[part] = _all(kind, _with(word, read), wrong, ages)
    known = {"set", "protocol", "everyone", *(word for _, _, word in _PARTS)}
    for file, document in read:
        if not known & document.keys():
            wrong.append(f"{file}: none of {', '.join(sorted(known))} stands in it")
    if wrong:
        raise ProtocolRefused(wrong)
    parts = {part: tuple(model for _, model in pairs) for part, pairs in found.items()}
    models: list[tuple[str, Any]] = [pair for pairs in found.values() for pair in pairs]
    files = {version_of(model): file for file, model in found["protocols"]}
    try:
        rulebook = Rulebook.model_validate({"name": folder.name, **parts}, context=files)
    except ValidationError as error:
        raise ProtocolRefused([f"{folder.name}: {line}" for line in _lines(error)]) from None
    if late := list(_late(rulebook, models)):
        raise ProtocolRefused(late)
    return _Loaded(rulebook, models)


def _late(rulebook: Rulebook, models: Sequence[tuple[str, Any]]) -> Iterator[str]:
    """What nobody could be triaged by today."""
    late = list(rulebook.not_begun(datetime.now(UTC)))
    for file, model in models:
        if any(model is each for each in late):
            begins = f"its first version begins, {model.effective_from:%Y-%m-%d %H:%M %z}"
            yield f"{file}: nothing of the set is in force before {begins}"


def _with_everyones(
    file: str, document: Mapping[str, Any], everyones: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A protocol with the rows that hold for everyone and that it has none of its own for. A list
    that is asked for and not there is refused: what it names would be Ⅳ without a word."""
    if "also" not in document:
        return document
    try:
        also = Also.model_validate(document["also"])
    except ValidationError as error:
        raise ProtocolRefused([f"{file}: also: {line}" for line in _lines(error)]) from None
    marked = {} if also.evidence is None else {"evidence": also.evidence}
    merged = {name: part for name, part in document.items() if name != "also"}
    for part in also.of_everyone:
        rows = everyones.get(part)
        if not isinstance(rows, Mapping) or not rows:
            raise ProtocolRefused([f"{file}: also: no document holds `everyone` with {part}"])
        theirs = {
            n: {**row, **marked} if isinstance(row, Mapping) else row for n, row in rows.items()
        }
        merged[part] = {**theirs, **document.get(part, {})}
    return merged


def _amiss(frame: Frame) -> Iterator[str]:
    """Units that are not the contract's, and ages of the site that are none."""
    for name, vital in frame.vitals.items():
        try:
            check_unit(name, vital.unit)
        except ValueError as error:
            yield f"vitals.{name}.unit: {error}"
    for name, age in frame.site.ages.items():
        try:
            _AGE.validate_python(age)
        except ValidationError as error:
            yield from (f"site.{name}: {line}" for line in _lines(error))


#: The parts of a set beside its frame and its protocols, and the word by which a document is one.
_PARTS: Sequence[tuple[str, type[BaseModel], str]] = (
    ("centres", Centres, "centres"),
    ("scores", Scores, "scores"),
    ("vocabularies", Vocabulary, "categories"),
)


def _documents(folder: Traversable, above: tuple[str, ...] = ()) -> Iterator[_Read]:
    """The documents of a folder, and those of the set that it stands on where it has none of that
    name. ``centres.add.yaml`` adds to ``centres.yaml`` of that set, or changes parts of it."""
    if str(folder) in above:
        raise ProtocolRefused([f"{folder.name}: it is based on itself"])
    own = {
        file.name: _yaml(file, file.name)
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    }
    bases = [own.pop(name)["based_on"] for name in list(own) if "based_on" in own[name]]
    base = {
        r.file: r.document
        for based in bases
        for r in _documents(folder_of(based), (*above, str(folder)))
    }
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
        read = read_yaml(file)
    except NoDocument as error:
        raise ProtocolRefused([f"{name}: no YAML: {error}"]) from None
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
        why = problem["msg"].removeprefix("Value error, ")
        yield f"{place}: {why}" if place else why

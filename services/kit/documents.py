"""YAML that people write. A key that stands twice is refused: of two numbers nobody knows which one
was meant."""

from __future__ import annotations

from collections.abc import Hashable
from importlib.resources.abc import Traversable
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Safe
except ImportError:  # the library was built without C
    from yaml import SafeLoader as _Safe  # type: ignore[assignment]

#: Keys that are no names: what they stand for is put in their place.
_NO_NAMES = {"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}


class NoDocument(ValueError):
    """It cannot be read; the message says in which line, and why."""


class _Strict(_Safe):
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Hashable, int] = {}
        for each, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if each.tag in _NO_NAMES:
                continue
            key = self.construct_object(each, deep=True)
            if not isinstance(key, Hashable):  # the library says so itself
                continue
            if key in lines:
                raise NoDocument(
                    f"line {each.start_mark.line + 1}: {key} stands twice, first in line "
                    f"{lines[key]}"
                )
            lines[key] = each.start_mark.line + 1
        return super().construct_mapping(node, deep)


def read_yaml(file: Traversable) -> Any:
    """What a file holds. Raises ``NoDocument``, and ``OSError``."""
    try:
        return yaml.load(file.read_text("utf-8"), _Strict)  # noqa: S506 (safe: see there)
    except NoDocument:
        raise
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NoDocument(f"{place}{error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise NoDocument(str(error).splitlines()[0]) from error

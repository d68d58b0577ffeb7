"""Tests, and what they share: an assertion that fails there shows its values too."""

from pathlib import Path

import pytest

shared = (each.stem for each in Path(__file__).parent.glob("*.py"))
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in shared if name[0] != "_"))

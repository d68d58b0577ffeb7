"""Lines that people hand in. One that cannot be read is told by number, and the rest goes on."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import IO, Generic, TypeVar

import click
from pydantic import BaseModel, ValidationError

from schemas.envelope import complaint

ModelT = TypeVar("ModelT", bound=BaseModel)


class Lines(Generic[ModelT]):
    """The lines of a file as models, each with its number; blank ones are passed over.

    They are read as bytes: text that was written otherwise than the rest spoils its own line alone.
    """

    def __init__(self, file: IO[bytes], model: type[ModelT]) -> None:
        self._file, self._model = file, model
        #: So many could not be read.
        self.refused = 0

    def __iter__(self) -> Iterator[tuple[int, ModelT]]:
        for number, line in enumerate(self._file, 1):
            try:
                text = (line.removeprefix(BOM_UTF8) if number == 1 else line).decode()
                read = self._model.model_validate_json(text) if text.strip() else None
            except UnicodeDecodeError as error:
                why = f"不是 UTF-8 · not UTF-8: {error.reason}, byte {error.start + 1}"
                self.refuse(number, why)
            except ValidationError as error:
                self.refuse(number, complaint(error))
            else:
                if read is not None:
                    yield number, read

    def refuse(self, number: int, why: str) -> None:
        """Tell what is wrong with a line."""
        click.echo(f"第 {number} 行 · line {number}: {why}", err=True)
        self.refused += 1

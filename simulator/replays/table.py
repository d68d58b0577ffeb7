"""A table as text becomes rows by column, each with its place in the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO


class WrongTable(ValueError):
    """The file has not the columns that are read: it is another file."""


def rows_of(
    text: str, file: str, columns: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row by column, blanks around values removed; its place is ``file:line``, the header
    being line 1. Raises ``WrongTable`` when a column is missing."""
    reader = csv.DictReader(StringIO(text), delimiter=delimiter, restval="", restkey="")
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise WrongTable(f"no column {', '.join(absent)}")
    for row in reader:
        yield f"{file}:{reader.line_num}", {column: row[column].strip() for column in columns}

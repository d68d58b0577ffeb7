"""Where the services are and what opens their doors: the file that a run hands to outsiders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from simulator.story import By


class Tokens(BaseModel):
    """A bearer for each role, and for each facility one of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dispatcher: SecretStr
    crew: SecretStr
    centre: Mapping[str, SecretStr]
    clinic: Mapping[str, SecretStr] = {}

    def of(self, by: By, facility_id: str) -> SecretStr:
        """The bearer of who acts, at a facility or anywhere."""
        match by:
            case "department":
                return self.centre[facility_id]
            case "clinic":
                return self.clinic[facility_id]
            case "crew":
                return self.crew
            case "dispatcher":
                return self.dispatcher


class Endpoints(BaseModel):
    """What the simulator and the judge need of the file. Process ids may change, this does not."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kafka: Mapping[str, str | None]
    http: Mapping[str, str]
    tokens: Tokens


async def load(path: Path) -> Endpoints:
    """Read the file, waiting for it to be written. It is written whole or not at all."""
    while True:
        try:
            return Endpoints.model_validate_json(await asyncio.to_thread(path.read_bytes))
        except (FileNotFoundError, ValidationError):
            await asyncio.sleep(0.2)

"""A service listens by TLS wherever a wire is, and says at its start what it lacks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from fastapi import FastAPI

from services.kit import endpoints
from services.kit.http import create_app
from services.kit.process import ROOT, free_port
from services.kit.runtime import serve, tls_of
from services.kit.settings import Misconfigured, Settings
from tests.receivers import certified
from tests.services import until

HERE, WIRE = "127.0.0.1", "0.0.0.0"


async def ready() -> bool:
    return True


def app() -> FastAPI:
    return create_app("gateway", None, [], ready)


def files(folder: Path) -> dict[str, Any]:
    certified(folder)
    return {"tls_certificate": folder / "own.pem", "tls_key": folder / "own.key"}


async def test_a_service_with_a_certificate_answers_by_tls_and_not_in_clear(tmp_path: Path) -> None:
    named = files(tmp_path)
    port = free_port()
    serving = asyncio.ensure_future(serve(app(), Settings(host=HERE, port=port, **named))())
    trusting = ssl.create_default_context(cafile=named["tls_certificate"])
    asked = f"https://{HERE}:{port}/readyz"

    async def answers() -> httpx.Response | None:
        with contextlib.suppress(httpx.ConnectError):
            async with httpx.AsyncClient(verify=trusting, trust_env=False) as http:
                return await http.get(asked)
        return None

    try:
        answer = await until(answers)
        assert answer.status_code == 200
        async with httpx.AsyncClient(trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(asked)
            with pytest.raises(httpx.RequestError):
                await stranger.get(asked.replace("https", "http"))
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@pytest.mark.parametrize(
    ("host", "proxy", "is_clear"),
    [
        (HERE, False, True),
        ("::1", False, True),
        ("localhost", False, True),
        (WIRE, True, True),
        (WIRE, False, False),
        ("::", False, False),
        ("", False, False),
        ("10.0.0.7", False, False),
        ("gateway.example", False, False),
    ],
)
def test_in_clear_it_listens_on_the_loopback_alone(host: str, proxy: bool, is_clear: bool) -> None:
    settings = Settings(host=host, tls_at_proxy=proxy)
    if is_clear:
        assert tls_of(settings) is None
        return
    with pytest.raises(Misconfigured, match=r"^GREENCHANNEL_HOST: .*TLS_AT_PROXY=true"):
        tls_of(settings)


def test_on_a_wire_it_listens_with_a_certificate(tmp_path: Path) -> None:
    for proxy in (True, False):
        assert tls_of(Settings(host=WIRE, tls_at_proxy=proxy, **files(tmp_path))) is not None


def test_files_that_cannot_serve_are_named_with_the_reason(tmp_path: Path) -> None:
    named = files(tmp_path)
    locked, other = tmp_path / "locked.key", tmp_path / "other.key"
    key = serialization.load_pem_private_key(named["tls_key"].read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"xyz0")
    pkcs8 = serialization.PrivateFormat.PKCS8
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, secret))
    certified(tmp_path, "other")
    for wrong, said in (
        ({"tls_key": None}, "both, or neither"),
        ({"tls_certificate": None}, "both, or neither"),
        ({"tls_key": tmp_path / "none.key"}, "none.key: No such file"),
        ({"tls_certificate": named["tls_key"]}, "own.key, "),
        ({"tls_key": locked}, "locked.key: "),
        ({"tls_key": other}, "other.key: "),
    ):
        with pytest.raises(Misconfigured, match=f"^GREENCHANNEL_TLS_CERTIFICATE.*{said}") as told:
            tls_of(Settings(**{**named, **wrong}))
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["dispatch", "gateway", "tracker", "triage", "bridge"])
def test_a_service_that_would_listen_in_clear_on_a_wire_does_not_start(name: str) -> None:
    """Before it looks for a broker or a database: there are none here."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", name],
        cwd=ROOT, env={**os.environ, "GREENCHANNEL_HOST": WIRE},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("✗ GREENCHANNEL_HOST: not the loopback")


def test_the_parts_of_a_run_talk_in_clear_and_know_the_facilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TLS_CERTIFICATE", "TLS_KEY", "BRIDGE_FACILITIES"):
        monkeypatch.setenv(f"GREENCHANNEL_{name}", "/x")
    given = endpoints.environ("bridge", Settings(), "postgresql://h/x", "y")
    assert [name for name in given if "TLS" in name] == []
    assert given["GREENCHANNEL_BRIDGE_FACILITIES"] == "/x"

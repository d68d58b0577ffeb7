"""Runs the parts of one process together: the first that fails ends all, a signal ends all well."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence

import uvicorn
import uvloop
from fastapi import FastAPI

from services.kit import failpoint
from services.kit.address import is_loopback
from services.kit.heartbeat import HEART
from services.kit.logs import log_as_json, unheard
from services.kit.settings import PREFIX, Misconfigured, Settings, from_environment

log = logging.getLogger(__name__)

Part = Callable[[], Awaitable[None]]
#: Who takes nothing of what is sent for this long, or does not say so, is gone: what lies in the
#: system's buffers for them would hide it from us for minutes.
DEAF_S = 15
#: After a signal, requests and the batch in hand have this long to finish.
GRACE_S = 8


class _Server(uvicorn.Server):
    """A server that leaves signals to us, and to the system to end who takes nothing."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Whoever connects inherits what is set here; not every system knows it."""
        await super().startup(sockets)
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        for listening in (each for server in self.servers for each in server.sockets):
            if option is not None:
                listening.setsockopt(socket.IPPROTO_TCP, option, DEAF_S * 1000)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """With what it listens; none is in clear. Raises ``Misconfigured``, also where it would listen
    in clear on a wire."""
    certificate, key = settings.tls_certificate, settings.tls_key
    names = f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY"
    if certificate is None and key is None:
        if is_loopback(settings.host) or settings.tls_at_proxy:
            return None
        raise Misconfigured(
            f"{PREFIX}HOST: not the loopback, so it is listened on by TLS: name {names}; or set "
            f"{PREFIX}TLS_AT_PROXY=true where something in front of it ends TLS"
        )
    if certificate is None or key is None:
        raise Misconfigured(f"{names}: both, or neither")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # and ask nobody for one
    except OSError as error:
        said = f"{certificate}, {key}: {error.strerror or error}"
        raise Misconfigured(f"{names}: {said}") from error
    return context


def serve(app: FastAPI, settings: Settings) -> Part:
    """The part that answers to HTTP. Raises ``Misconfigured``."""
    tls = tls_of(settings)

    async def part() -> None:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=60,
            lifespan="off",
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
        server = _Server(config)
        serving = asyncio.ensure_future(server.serve())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True  # answer what was asked, then end
            await serving
            raise

    return part


def start(service: str, main: Callable[[Settings], Awaitable[None]]) -> int:
    """Run ``main`` until it fails or a signal comes; the exit status of the process."""
    try:
        settings = from_environment()
        tls_of(settings)  # before anything is waited for
    except Misconfigured as error:
        sys.stderr.write(f"✗ {error}\n")
        return 2
    log_as_json(settings, service)
    failpoint.arm(settings.fail_point, settings.fail_point_log)
    settle_memory()
    try:
        uvloop.run(_until_signalled(main(settings)))
    except Misconfigured as error:
        sys.stderr.write(f"✗ {error}\n")
        return 2
    except Exception:
        log.exception("stopped", extra={"action": "stopped"})
        return 1
    return 0


def settle_memory() -> None:
    """What was imported stays: looked through at each full collection, it stalls the loop by 50 ms.
    And states stay: to look for waste each 700 objects costs a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


async def _until_signalled(main: Awaitable[None]) -> None:
    cancel_on_signal()
    asyncio.get_running_loop().set_exception_handler(unheard)
    with contextlib.suppress(asyncio.CancelledError):
        await main


def cancel_on_signal(say: Callable[[], None] = lambda: None) -> None:
    """Cancel the task that calls this when we are asked to end, after ``say``."""
    task = asyncio.current_task()

    def cancel() -> None:
        say()
        if task is not None:
            task.cancel()

    on_signal(cancel)


def on_signal(do: Callable[[], None]) -> None:
    """Do this, and nothing else, when we are asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, do)


async def together(parts: Sequence[Part]) -> None:
    """Run all parts for ever; when one ends or fails, end the others and raise."""
    tasks = [asyncio.ensure_future(part()) for part in (*parts, HEART.run)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError("a part has ended by itself")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=GRACE_S)

"""Speaks MLLP: a message in its frame, and its answer likewise, over a connection that is kept."""

from __future__ import annotations

import asyncio
import ssl

from services.kit.address import is_loopback
from services.kit.errors import TransientFailure

BEGIN, END = b"\x0b", b"\x1c\r"
#: How long a connection and an answer are waited for.
CONNECT_S, ANSWER_S = 5.0, 10.0
#: An answer may be so long.
MOST_BYTES = 1 << 20


class Unreached(TransientFailure):
    """There was no connection: nothing was said."""


class Line:
    """A connection to one listener. It is made when something is to be said, and anew after any
    failure: an answer that comes too late must not stand for the next."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Raises ``ValueError`` for a listener that would be spoken to in clear over a wire."""
        if tls is None and not is_loopback(host):
            raise ValueError("a listener that is not this machine has to be spoken to by TLS")
        self._host, self._port, self._tls = host, port, tls
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, message: bytes) -> bytes:
        """Send one message and return the answer to it, both without their frames. Raises
        ``TransientFailure`` with what went wrong, fit for a log; ``Unreached`` before anything was
        said."""
        try:
            reader, writer = await self._connected()
            writer.write(BEGIN + message + END)
            async with asyncio.timeout(ANSWER_S):
                await writer.drain()
                answer = await reader.readuntil(END)
        except TimeoutError as error:
            self.close()
            raise TransientFailure("no answer in time") from error
        except asyncio.LimitOverrunError as error:
            self.close()
            raise TransientFailure("the answer is too long") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise TransientFailure(_cause(error)) from error
        except BaseException:  # whoever is asked to end hears no answer to what it has said
            self.close()
            raise
        _, begun, said = answer.removesuffix(END).rpartition(BEGIN)
        if not begun:
            self.close()
            raise TransientFailure("the answer has no frame")
        return said

    def close(self) -> None:
        """At once, with all that may still come."""
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._open is not None and self._open[0].at_eof():
            self.close()  # the other side has hung up meanwhile
        if self._open is None:
            try:
                async with asyncio.timeout(CONNECT_S):
                    self._open = await asyncio.open_connection(
                        self._host, self._port, ssl=self._tls, limit=MOST_BYTES
                    )
            except TimeoutError as error:
                raise Unreached("no connection in time") from error
            except OSError as error:
                raise Unreached(_cause(error)) from error
        return self._open


def _cause(error: Exception) -> str:
    """Without names and addresses."""
    if isinstance(error, asyncio.IncompleteReadError):
        return "the connection was closed without an answer"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return type(error).__name__

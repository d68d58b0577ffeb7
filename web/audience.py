"""Those who watch: each has a bounded queue, and who does not keep up is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: Messages a watcher may lag behind, and how long one write may take.
QUEUE, SEND_TIMEOUT_S, FAREWELL_S = 25, 5.0, 0.2
#: Watchers at the same time; more are told to come back later.
SEATS = 64


class Seat:
    """One watcher's place."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self.dropped = asyncio.Event()


class Audience:
    """All watchers. A message is encoded once and put into every queue."""

    def __init__(self) -> None:
        self.seats: set[Seat] = set()

    def __len__(self) -> int:
        return len(self.seats)

    def tell(self, message: bytes) -> None:
        """Queue the message for all; whoever has no room left is dropped."""
        for seat in list(self.seats):
            try:
                seat.queue.put_nowait(message)
            except asyncio.QueueFull:
                self.seats.discard(seat)
                seat.dropped.set()

    def close(self) -> None:
        """The server is about to end: let all go."""
        for seat in list(self.seats):
            seat.dropped.set()

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A place for as long as the block runs."""
        seat = Seat()
        self.seats.add(seat)
        try:
            yield seat
        finally:
            self.seats.discard(seat)


def event(name: str, body: bytes) -> bytes:
    """One server-sent event."""
    return b"event: " + name.encode() + b"\ndata: " + body + b"\n\n"


class Feed(Response):
    """Sends a first message, then what the audience is told, until either side goes away."""

    media_type = "text/event-stream"

    def __init__(self, audience: Audience, first: Callable[[], bytes]) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self.audience, self.first = audience, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A watcher that stalls gets no end of the response: the server cuts the connection."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        with self.audience.seat() as seat:
            seat.queue.put_nowait(self.first())
            ends = [
                asyncio.create_task(_pump(seat, send)),
                asyncio.create_task(_gone(receive)),
                asyncio.create_task(seat.dropped.wait()),
            ]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        with suppress(TimeoutError, OSError):
            body = {"type": "http.response.body", "body": b"", "more_body": False}
            async with asyncio.timeout(FAREWELL_S):
                await send(body)


async def _pump(seat: Seat, send: Send) -> None:
    while True:
        chunk = await seat.queue.get()
        body = {"type": "http.response.body", "body": chunk, "more_body": True}
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):  # wait_for may swallow a cancellation
                await send(body)
        except (TimeoutError, OSError):
            return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

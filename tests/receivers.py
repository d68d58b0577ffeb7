"""Systems of hospitals, as tests need them: real listeners that answer as they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """What came in, in its order, and how the next are answered; a code of HL7 or HTTP, or a word
    for what is no answer. Without a plan all is well."""

    good: str
    plan: deque[str] = field(default_factory=deque)
    #: The id of each message that came in, as often as it did, and what it said.
    came: list[tuple[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    connections: int = 0
    late_s: float = 1.0
    port: int = 0
    #: What hangs goes on when this is set.
    wakes: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, name: str, said: str) -> str:
        """How this one is answered."""
        self.came.append((name, said))
        answer = self.plan.popleft() if self.plan else self.good
        if answer == self.good:
            self.taken.append(name)
        return answer

    @property
    def ids(self) -> list[str]:
        return [name for name, _ in self.came]


@asynccontextmanager
async def listening(receiver: Mllp | Web, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """The receiver, on a port of its own."""
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving[task] = writer
        receiver.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await receiver.serve(reader, writer)
        finally:
            del serving[task]
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", receiver.port, ssl=tls, limit=1 << 22)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        receiver.wakes.set()
        for writer in serving.values():
            writer.transport.abort()
        if serving:
            await asyncio.wait(list(serving))


class Mllp(Receiver):
    """An HL7 v2 listener."""

    def __init__(self) -> None:
        super().__init__("AA")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            framed = await reader.readuntil(b"\x1c\r")
            assert framed[:1] == b"\x0b"
            message = framed[1:-2].decode()
            name = message.split("|")[9]
            answer = self.answered(name, message)
            if answer == "hang":
                await self.wakes.wait()
                return
            if answer == "late":
                await asyncio.sleep(self.late_s)
            writer.write(self._said(answer, name))
            await writer.drain()
            if answer == "half":
                return

    @staticmethod
    def _said(answer: str, name: str) -> bytes:
        head = "MSH|^~\\&|HIS||GREENCHANNEL||20260301||ACK|1|P|2.5.1\r"
        good = f"{head}MSA|AA|{name}\r"
        odd = {
            "garbage": b"\x0bwhat?\x1c\r",
            "unframed": f"{good}\x1c\r".encode(),
            "half": f"\x0b{good}"[:-9].encode(),
            "other": f"\x0b{head}MSA|AA|another\r\x1c\r".encode(),
            "huge": f"\x0b{good}{'Z' * (3 << 20)}\x1c\r".encode(),
            "late": f"\x0b{good}\x1c\r".encode(),
        }
        return odd.get(answer) or f"\x0b{head}MSA|{answer}|{name}|no bed free\r\x1c\r".encode()


class Web(Receiver):
    """An HTTP server that takes webhooks whose signature is right, and FHIR."""

    def __init__(self) -> None:
        super().__init__("200")
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.headers.append(headers)
            self.paths.append(first.split(" ")[1])
            if "webhook-id" in headers:
                assert headers["webhook-signature"] == signature(headers, body)
            answer = self.answered(headers.get("webhook-id", ""), body.decode())
            if answer == "hang":
                await self.wakes.wait()
                return
            if answer == "half":
                return
            more = f"Location: http://127.0.0.1:{self.port}/elsewhere\r\n" * (answer[0] == "3")
            writer.write(f"HTTP/1.1 {answer} x\r\n{more}Content-Length: 2\r\n\r\nok".encode())
            await writer.drain()


def signature(headers: dict[str, str], body: bytes) -> str:
    """As a receiver computes it, by the specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + b64encode(digest).decode()


def certified(folder: Path, name: str = "own") -> tuple[ssl.SSLContext, Path]:
    """What a listener on the loopback speaks TLS with, and the file that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "his")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


def runs(names: list[str]) -> Iterator[tuple[str, int]]:
    """Each name with how often it came in a row."""
    last, count = None, 0
    for name in names:
        if name != last and last is not None:
            yield last, count
            count = 0
        last, count = name, count + 1
    if last is not None:
        yield last, count

"""A small HTTP/1.1 client over asyncio that costs little, has an address of its own, and can misbehave.

Libraries won't do here: they cost more time than the answers that are measured, and refuse to send what is malformed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote


class Cut(Exception):
    """The connection ended before the answer was whole."""


@dataclass
class Head:
    """Status and headers (names in lower case) of an answer."""

    status: int
    headers: dict[str, str]


class Wire:
    """One connection. ``source`` is the client's own address (all of 127.0.0.0/8 is this machine, on Linux)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int, source: str = "", buffer: int = 0) -> Wire:
        """Connect; ``buffer`` is the size of the receive buffer, small for those who read slowly."""
        sock = socket.socket()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            if source:
                sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            return cls(*await asyncio.open_connection(sock=sock, limit=buffer or 1 << 18))
        except BaseException:
            sock.close()
            raise

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionError."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Head:
        """Return status and headers of the next answer; interim ones are passed over. Raises Cut."""
        while True:
            try:
                lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Cut from None
            status = int(lines[0].split(" ", 2)[1])
            if status >= 200:
                pairs = (line.partition(":") for line in lines[1:] if line)
                return Head(status, {name.lower(): value.strip() for name, _, value in pairs})

    async def pieces(self, head: Head, size: int = 1 << 18) -> AsyncIterator[bytes]:
        """Yield the body in pieces of at most ``size`` bytes. Raises Cut where it is not whole."""
        try:
            if head.headers.get("transfer-encoding", "").lower() == "chunked":
                while length := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                    async for piece in self._read(length, size):
                        yield piece
                    await self.reader.readexactly(2)
                while await self.reader.readuntil(b"\r\n") != b"\r\n":
                    pass
            elif "content-length" in head.headers:
                async for piece in self._read(int(head.headers["content-length"]), size):
                    yield piece
            elif head.status not in (204, 304):
                while piece := await self.reader.read(size):
                    yield piece
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Cut from None

    async def _read(self, length: int, size: int) -> AsyncIterator[bytes]:
        while length:
            piece = await self.reader.read(min(length, size))
            if not piece:
                raise Cut
            length -= len(piece)
            yield piece

    async def answer(self) -> tuple[Head, bytes]:
        """Return an answer with its whole body. Raises Cut."""
        head = await self.head()
        return head, b"".join([piece async for piece in self.pieces(head)])

    async def get(self, path: str, accept: str) -> tuple[Head, bytes]:
        """Return the answer to a GET. Raises Cut or ConnectionError."""
        await self.send(request("GET", path, accept))
        return await self.answer()

    async def close(self) -> None:
        """Close as good clients do."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def reset(self) -> None:
        """Go away at once (RST), as a client does that crashes."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            # It may be closed already.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def request(method: str, path: str, accept: str, *headers: str, body: bytes | None = None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Accept: {accept}", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def query_path(text: str, **parameters: object) -> str:
    """Return the address of a query's answer."""
    pairs = {"query": text, **parameters}
    return "/sparql?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs.items())

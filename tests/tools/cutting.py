"""A cable between a driver and its server, that counts what goes through it and can be cut."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import URL


class Cable:
    """A forwarding port in front of a server.

    Attributes:
        trips: How often the server was asked something and has answered.
    """

    def __init__(self, server: URL) -> None:
        self._server = server
        self.url = ""
        self.trips = 0
        self._refuses = self._silent = False
        self._cuts, self._delivers = 0, False
        self._writers: set[asyncio.StreamWriter] = set()
        self._asked: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()

    def cut_at_next_request(self, times: int, *, deliver: bool = False) -> None:
        """Break the connection at the next request, which still reaches the server or does not."""
        self._cuts, self._delivers = times, deliver

    def refuse(self) -> None:
        """Break every connection, and any new one, until `accept`."""
        self._refuses = True
        self.close()

    def fall_silent(self) -> None:
        """Let nothing through until `accept`, and say nothing."""
        self._silent = True

    def accept(self) -> None:
        """Let connections through again; those that were silent are broken."""
        self._refuses = False
        if self._silent:
            self._silent = False
            self.close()

    def close(self) -> None:
        """Break every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def closed(self) -> None:
        """Break every connection, and wait until nobody serves one."""
        self.close()
        await asyncio.gather(*filter(None, self._serving))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to the server and back."""
        if self._refuses:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._server.host, self._server.port)
        self._writers |= {writer, back}
        self._serving.add(serving := asyncio.current_task())
        await asyncio.gather(self._ask(reader, back, writer), self._answer(there, writer, back))
        self._serving.discard(serving)
        self._writers -= {writer, back}

    async def _ask(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while request := await _read(reader):
            if self._silent:
                continue
            cut = self._cuts > 0
            self._cuts -= cut
            if not cut or self._delivers:
                back.write(request)
            if cut:
                await asyncio.sleep(0.1)  # the server has the request, if it was delivered
                writer.transport.abort()
                break
            self._asked.add(back)
        back.close()

    async def _answer(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while answer := await _read(there):
            if self._silent:
                continue
            if back in self._asked:
                self._asked.discard(back)
                self.trips += 1
            if self._cuts == 0 and self._delivers:
                self._delivers = False
                break
            writer.write(answer)
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65_536)
    except ConnectionError:
        return b""


@asynccontextmanager
async def cable(server: URL) -> AsyncGenerator[Cable]:
    """A cable to `server`; `cable.url` leads through it."""
    line = Cable(server)
    listening = await asyncio.start_server(line.serve, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]
    line.url = server.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    try:
        yield line
    finally:
        listening.close()
        await line.closed()

"""A network on loopback that loses connections, delays what it carries, and lets the old arrive after the new."""

import asyncio
import contextlib
import random
import threading
from typing import Final, Self

_CHUNK: Final = 65536
_SHORT_LIVES: Final = 3  # connections
_SHORT_LIFE: Final = 0.15  # seconds that each of them stands at most
_LONGEST_DELAY: Final = 0.02  # seconds, of a piece of data
_LONGEST_OPENING: Final = 0.15  # seconds: who connects later may arrive sooner
_LONGEST_AFTERLIFE: Final = 0.3  # seconds, that the server's side of a lost connection stands and is written to


class RoughNetwork:
    """Forward connections to (host, port); while `rough`, each is lost after some time and everything is late.

    The first ones are lost so soon that hardly anything gets done: whoever uses it has met a loss.
    """

    def __init__(self, host: str, port: int, *, longest_life: float = 1.5) -> None:
        """`longest_life`: seconds that a connection stands at most."""
        self._target = (host, port)
        self._longest_life = longest_life
        self._random = random.Random()
        self._rough = threading.Event()
        self._rough.set()
        self._listening = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0
        self.lost = 0  # connections that the network ended
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="rough-network")

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def calm_down(self) -> None:
        """From now on connections stand, and nothing is late."""
        self._rough.clear()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        to_server: asyncio.StreamWriter | None = None
        try:
            await self._be_late(_LONGEST_OPENING)
            from_server, to_server = await asyncio.open_connection(*self._target)
            up = asyncio.ensure_future(self._pump(from_client, to_server))
            down = asyncio.ensure_future(self._pump(from_server, to_client))
            await self._live(up, down)
            to_client.transport.abort()
            # What was under way reaches the server when the person is already on another connection.
            await asyncio.wait({up}, timeout=self._random.uniform(0, _LONGEST_AFTERLIFE))
            for each in (up, down):
                each.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        except OSError:
            return  # nobody listens: the client sees its connection end
        finally:
            to_client.transport.abort()
            if to_server is not None:
                to_server.transport.abort()

    async def _live(self, *pumps: "asyncio.Future[None]") -> None:
        while self._rough.is_set():
            life = self._random.uniform(0.1, self._longest_life if self.lost >= _SHORT_LIVES else _SHORT_LIFE)
            done, _ = await asyncio.wait(pumps, timeout=life, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if self._rough.is_set():
                self.lost += 1
                return
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._be_late(_LONGEST_DELAY)
                writer.write(data)
                await writer.drain()

    async def _be_late(self, longest: float) -> None:
        if self._rough.is_set():
            await asyncio.sleep(self._random.uniform(0, longest))

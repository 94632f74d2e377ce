"""Both sides of a TLS connection in memory, every byte between them at hand."""

import ssl
from dataclasses import dataclass, field


@dataclass
class Wire:
    """A client and a server; `sent` is all that the client ever let out, as the network sees it."""

    client: ssl.SSLObject
    server: ssl.SSLObject
    _from_client: ssl.MemoryBIO
    _to_client: ssl.MemoryBIO
    _to_server: ssl.MemoryBIO
    _from_server: ssl.MemoryBIO
    sent: bytearray = field(default_factory=bytearray)

    def carry(self) -> None:
        """Bring what waits to the other side."""
        out = self._from_client.read()
        self.sent += out
        self._to_server.write(out)
        self._to_client.write(self._from_server.read())

    def shake(self) -> None:
        """Do the handshake to its end on both sides; raises what either side raises, the client's first."""
        for _ in range(4):
            for side in (self.client, self.server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                finally:
                    self.carry()
        self.client.do_handshake()
        self.server.do_handshake()


def wire(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> Wire:
    """A client that asks for `host` and a server, connected and silent."""
    to_client, from_client, to_server, from_server = (ssl.MemoryBIO() for _ in range(4))
    return Wire(
        client.wrap_bio(to_client, from_client, server_hostname=host),
        server.wrap_bio(to_server, from_server, server_side=True),
        from_client,
        to_client,
        to_server,
        from_server,
    )

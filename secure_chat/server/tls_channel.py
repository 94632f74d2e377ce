"""TLS of one connection over memory: fed in small pieces, so that no flood of records holds the thread."""

import contextlib
import ssl
from typing import Final

from secure_chat.certificates.contexts import require_alpn
from secure_chat.errors import TlsAbuse
from secure_chat.limits import MAX_SILENT_TLS_BYTES, MAX_TLS_PIECE_BYTES, TLS_CONTENT_WORTH

RECORD_BYTES: Final = 16 * 1024  # the most content one record holds (RFC 8446, 5.1)


class TlsMemory:
    """The two memory buffers between OpenSSL and the sockets of one I/O thread.

    All its connections share them, one after the other: each call below leaves both empty, so that an idle connection
    costs no buffer. Whatever a broken connection leaves in them is thrown away before the next one's turn.
    """

    __slots__ = ("incoming", "outgoing")

    def __init__(self) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()

    def clear(self) -> None:
        """Throw away what is left in either."""
        if self.incoming.pending:
            self.incoming.read()
        if self.outgoing.pending:
            self.outgoing.read()


class TlsChannel:
    """The TLS state of one connection, server side, used by the thread that owns the connection.

    After every call `ciphertext()` must be taken and sent: a read may have to write, to answer a key update.
    """

    __slots__ = ("_memory", "_silent", "_tls", "ended", "left")

    def __init__(self, context: ssl.SSLContext, memory: TlsMemory) -> None:
        self._tls = context.wrap_bio(memory.incoming, memory.outgoing, server_side=True)
        self._memory = memory
        self._silent = 0  # bytes fed that no content stands for
        self.ended = False  # the peer has sent close_notify
        self.left = b""  # plaintext that a write could not take before the peer says more

    def handshake(self, data: memoryview) -> bool:
        """Take one step with what has arrived; tells whether the handshake is done and the protocol agreed.

        Raises `ssl.SSLError`, `TlsError` for a missing ALPN protocol, `TlsAbuse`.
        """
        self._count(len(data))
        self._memory.incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        require_alpn(self._tls)
        self._silent = 0
        return True

    def decrypt(self, data: memoryview) -> list[bytes]:
        """Feed ciphertext, piece by piece; returns the plaintext it completes, perhaps nothing.

        Without data it returns what came together with the end of the handshake. Sets `ended` when the peer has said
        that nothing follows. Raises `ssl.SSLError`, and `TlsAbuse` for more than `MAX_SILENT_TLS_BYTES` that no content
        stands for (`TLS_CONTENT_WORTH`).
        """
        plaintext: list[bytes] = []
        for at in range(0, len(data) or 1, MAX_TLS_PIECE_BYTES):
            piece = data[at : at + MAX_TLS_PIECE_BYTES]
            self._memory.incoming.write(piece)
            chunks = self._read()
            if chunks:
                self._silent = max(0, self._silent - TLS_CONTENT_WORTH * sum(map(len, chunks)))
                self._count(len(piece))
                plaintext += chunks
            elif self.ended:
                break
            else:
                self._count(len(piece))
        return plaintext

    def encrypt(self, plaintext: bytes) -> bytes:
        """One write; returns the ciphertext. What could not be taken yet stands in `left`, to be written next.

        Raises `ssl.SSLError`.
        """
        write, taken = self._tls.write, 0
        try:
            taken = write(plaintext)
            if taken < len(plaintext):  # OpenSSL stops after each record
                view = memoryview(plaintext)
                while taken < len(plaintext):
                    taken += write(view[taken:])
        except ssl.SSLWantReadError:
            self.left = plaintext[taken:]
        return self._memory.outgoing.read()

    def close_notify(self) -> bytes:
        """Say that nothing follows; returns the ciphertext. To be called once."""
        # It raises while the peer has not said the same, and when the channel is broken: ours is written either way.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._memory.outgoing.read()

    def ciphertext(self) -> bytes:
        """What reading has left to be sent; empty nearly always."""
        return self._memory.outgoing.read() if self._memory.outgoing.pending else b""

    def _read(self) -> list[bytes]:
        chunks: list[bytes] = []
        incoming, read = self._memory.incoming, self._tls.read
        try:
            while incoming.pending:
                chunk = read(RECORD_BYTES)
                if not chunk:
                    self._end()
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            pass  # the record is not complete; OpenSSL keeps what there is of it
        except ssl.SSLZeroReturnError:  # the same as no bytes, once we have said close_notify ourselves
            self._end()
        return chunks

    def _end(self) -> None:
        self.ended = True
        self._memory.incoming.read()  # nothing counts that comes after close_notify

    def _count(self, size: int) -> None:
        self._silent += size
        if self._silent > MAX_SILENT_TLS_BYTES:
            raise TlsAbuse

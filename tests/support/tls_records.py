"""A TLS 1.3 client whose records are made by hand after the handshake: what no library lets a program send."""

import os
import ssl
import struct
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

APPLICATION_DATA: Final = 23
HANDSHAKE: Final = 22
NONCE_BYTES: Final = 12
KEY_UPDATE: Final = bytes((24, 0, 0, 1))  # its type and length; then whether the other side is asked for the same
_SUITES: Final[dict[str, tuple[HashAlgorithm, int]]] = {
    "TLS_AES_256_GCM_SHA384": (SHA384(), 32),
    "TLS_AES_128_GCM_SHA256": (SHA256(), 16),
}


class RecordClient:
    """A handshake in memory by the library; then `seal` makes records with the keys that it logged (RFC 8446, 5, 7)."""

    def __init__(self, context: ssl.SSLContext, server_hostname: str) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        descriptor, name = tempfile.mkstemp()
        os.close(descriptor)
        self._key_log = Path(name)
        context.keylog_filename = name
        self._tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=server_hostname)
        self._sequence = 0
        self._secret = b""
        self._hash: HashAlgorithm = SHA256()
        self._key_bytes = 0

    def handshake(self, received: bytes) -> bytes:
        """Take what the server sent; returns what to send."""
        self.incoming.write(received)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()
        self._take_keys()
        return self.outgoing.read()

    @property
    def is_done(self) -> bool:
        """Whether the handshake is over."""
        return bool(self._secret)

    def read(self, received: bytes) -> bytes:
        """Decrypt what the server sends; it is the library's reading side."""
        self.incoming.write(received)
        plaintext = b""
        try:
            while chunk := self._tls.read(65536):
                plaintext += chunk
        except ssl.SSLWantReadError:
            pass
        return plaintext

    def seal(self, content: bytes, content_type: int = APPLICATION_DATA) -> bytes:
        """One record."""
        inner = content + bytes((content_type,))
        header = struct.pack("!BHH", APPLICATION_DATA, 0x0303, len(inner) + 16)
        key = self._expand(b"key", self._key_bytes)
        start = int.from_bytes(self._expand(b"iv", NONCE_BYTES), "big")
        nonce = (start ^ self._sequence).to_bytes(NONCE_BYTES, "big")
        self._sequence += 1
        return header + AESGCM(key).encrypt(nonce, inner, header)

    def key_update(self, *, asks: bool) -> bytes:
        """A KeyUpdate record; what follows is sealed with the next keys."""
        record = self.seal(KEY_UPDATE + bytes((int(asks),)), HANDSHAKE)
        self._secret = self._expand(b"traffic upd", self._hash.digest_size)
        self._sequence = 0
        return record

    def _take_keys(self) -> None:
        cipher = self._tls.cipher()
        assert cipher is not None
        self._hash, self._key_bytes = _SUITES[cipher[0]]
        for line in self._key_log.read_text(encoding="ascii").splitlines():
            label, _, secret = line.split(" ") if line.count(" ") == 2 else ("", "", "")
            if label == "CLIENT_TRAFFIC_SECRET_0":
                self._secret = bytes.fromhex(secret)
        self._key_log.unlink()
        assert self._secret

    def _expand(self, label: bytes, length: int) -> bytes:
        full = b"tls13 " + label
        info = struct.pack("!HB", length, len(full)) + full + b"\0"
        return HKDFExpand(self._hash, length, info).derive(self._secret)

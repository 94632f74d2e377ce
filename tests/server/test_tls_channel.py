"""TLS over memory: pieces, floods, connections that share the memory, both directions at once."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secure_chat.certificates.contexts import client_context, server_context
from secure_chat.certificates.store import CertificateDirectory, load_server_identity, prepare
from secure_chat.errors import TlsAbuse, TlsError
from secure_chat.limits import MAX_SILENT_TLS_BYTES, MAX_TLS_PIECE_BYTES
from secure_chat.server.tls_channel import RECORD_BYTES, TlsChannel, TlsMemory
from tests.support.tls_records import RecordClient

NOTHING = memoryview(b"")


class Contexts:
    def __init__(self, directory: Path) -> None:
        certificates = CertificateDirectory(directory)
        prepare(certificates, ["localhost"], datetime.now(UTC))
        self.server = server_context(certificates.server_certificate, certificates.server_key)
        self.authority = load_server_identity(certificates.server_certificate, certificates.log_key).authority

    def client(self) -> ssl.SSLContext:
        return client_context(self.authority)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return Contexts(tmp_path_factory.mktemp("certs"))


def established(contexts: Contexts, memory: TlsMemory) -> tuple[TlsChannel, RecordClient]:
    channel, client = TlsChannel(contexts.server, memory), RecordClient(contexts.client(), "localhost")
    to_server, done = client.handshake(b""), False
    while not done:
        done = channel.handshake(memoryview(to_server))
        to_server = client.handshake(channel.ciphertext()) if not client.is_done else b""
    return channel, client


def test_content_passes_both_ways(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    assert channel.decrypt(memoryview(client.seal(b"hello"))) == [b"hello"]
    assert client.read(channel.encrypt(b"there")) == b"there"


def test_a_write_larger_than_a_record_goes_out_whole(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    plaintext = bytes(range(256)) * 250
    assert len(plaintext) > 3 * RECORD_BYTES
    assert client.read(channel.encrypt(plaintext)) == plaintext
    assert channel.left == b""


def test_records_arrive_whole_however_the_stream_is_cut(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    stream = b"".join(client.seal(bytes((number,)) * 3000) for number in range(10))
    received = b""
    for at in range(0, len(stream), 777):
        received += b"".join(channel.decrypt(memoryview(stream[at : at + 777])))
    assert received == b"".join(bytes((number,)) * 3000 for number in range(10))


def test_what_comes_with_the_last_word_of_the_handshake_is_not_lost(contexts: Contexts) -> None:
    memory = TlsMemory()
    channel, client = TlsChannel(contexts.server, memory), RecordClient(contexts.client(), "localhost")
    assert not channel.handshake(memoryview(client.handshake(b"")))
    last = client.handshake(channel.ciphertext())
    assert channel.handshake(memoryview(last + client.seal(b"at once")))
    assert channel.decrypt(NOTHING) == [b"at once"]


def test_connections_that_share_the_memory_do_not_mix(contexts: Contexts) -> None:
    memory = TlsMemory()
    pairs = [established(contexts, memory) for _ in range(5)]
    halves = []
    for index, (channel, client) in enumerate(pairs):
        record = client.seal(b"%d" % index * 100)
        assert channel.decrypt(memoryview(record[:50])) == []  # a record of which the rest comes later
        halves.append(record[50:])
    for index, (channel, client) in reversed(list(enumerate(pairs))):
        assert channel.decrypt(memoryview(halves[index])) == [b"%d" % index * 100]
        assert client.read(channel.encrypt(b"to %d" % index)) == b"to %d" % index


def test_an_error_of_one_connection_says_nothing_about_another(contexts: Contexts) -> None:
    memory = TlsMemory()
    (broken, forger), (good, client) = established(contexts, memory), established(contexts, memory)
    forged = bytearray(forger.seal(b"hello"))
    forged[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        broken.decrypt(memoryview(bytes(forged) + b"and more of it" * 100))
    memory.clear()
    assert good.decrypt(memoryview(client.seal(b"hello"))) == [b"hello"]


def test_a_key_update_is_answered_when_it_asks_for_it_and_content_goes_on(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    assert channel.decrypt(memoryview(client.key_update(asks=True) + client.seal(b"new keys"))) == [b"new keys"]
    answer = channel.ciphertext() + channel.encrypt(b"mine too")
    assert len(answer) > len(channel.encrypt(b"mine too")), "the keys of this side are the old ones"
    assert client.read(answer) == b"mine too"


def test_key_updates_without_content_are_abuse_and_never_more_than_a_piece_is_worked_through_at_once(
    contexts: Contexts,
) -> None:
    memory = TlsMemory()
    channel, client = established(contexts, memory)
    flood = b"".join(client.key_update(asks=False) for _ in range(4 * MAX_SILENT_TLS_BYTES // 27))
    for at in range(0, MAX_SILENT_TLS_BYTES, MAX_TLS_PIECE_BYTES):
        assert channel.decrypt(memoryview(flood[at : at + MAX_TLS_PIECE_BYTES])) == []
    with pytest.raises(TlsAbuse):
        channel.decrypt(memoryview(flood[MAX_SILENT_TLS_BYTES:]))
    assert memory.incoming.pending == 0, "the rest of the flood was fed at once"


def test_content_that_stands_for_the_key_updates_around_it_is_no_abuse(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    for _ in range(1500):  # 1,500 x 27 bytes are more than may come in silence
        channel.decrypt(memoryview(client.key_update(asks=False)))
        assert channel.decrypt(memoryview(client.seal(b"xy"))) == [b"xy"]


def test_content_byte_by_byte_is_no_abuse(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    for _ in range(2000):  # 2,000 x 23 bytes
        assert channel.decrypt(memoryview(client.seal(b"x"))) == [b"x"]


def test_a_byte_of_content_now_and_then_does_not_excuse_a_flood(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())

    def flood(parts: int) -> None:
        for _ in range(parts):
            for _ in range(600):  # 600 x 27 bytes: half of what is allowed in silence
                channel.decrypt(memoryview(client.key_update(asks=False)))
            assert channel.decrypt(memoryview(client.seal(b"x"))) == [b"x"]

    flood(1)
    with pytest.raises(TlsAbuse):
        flood(3)


def test_a_full_record_in_small_pieces_is_no_abuse(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    record = client.seal(bytes(RECORD_BYTES))
    assert len(record) == 16_406
    for _ in range(3):
        received = b""
        for at in range(0, len(record), 100):
            received += b"".join(channel.decrypt(memoryview(record[at : at + 100])))
        assert len(received) == RECORD_BYTES
        record = client.seal(bytes(RECORD_BYTES))


def test_a_handshake_that_never_ends_is_abuse(contexts: Contexts) -> None:
    record = b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff" + bytes(0x4000 - 4)  # a hello of 64 KiB
    with pytest.raises((TlsAbuse, ssl.SSLError)):
        TlsChannel(contexts.server, TlsMemory()).handshake(memoryview(3 * record))


def test_a_client_of_another_protocol_is_refused_after_the_handshake(contexts: Contexts) -> None:
    context = contexts.client()
    context.set_alpn_protocols(["http/1.1"])
    channel, client = TlsChannel(contexts.server, TlsMemory()), RecordClient(context, "localhost")
    channel.handshake(memoryview(client.handshake(b"")))
    last = client.handshake(channel.ciphertext())
    with pytest.raises(TlsError):
        channel.handshake(memoryview(last))


def test_close_notify_is_said_once_and_heard(contexts: Contexts) -> None:
    channel, client = established(contexts, TlsMemory())
    client.incoming.write(channel.close_notify())
    assert client.read(b"") == b""
    assert channel.decrypt(memoryview(client.seal(bytes((1, 0)), 21) + client.seal(b"after the end"))) == []
    assert channel.ended

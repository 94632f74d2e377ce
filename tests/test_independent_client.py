"""PROTOCOL.md is enough: a client written from it alone works with the server, and refuses what it says to refuse."""

import ast
import dataclasses
import hashlib
import json
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import independent_client
from tests.independent_client import (
    ALPN,
    Connection,
    Device,
    Link,
    LinkRefused,
    Refused,
    Violation,
    digest,
    invite_proof,
    inviter_pin,
    login_salt,
    login_secret,
    mapped_name,
    parse_link,
    server_id,
    shown_pin,
    sig,
    spki,
    tag,
)
from tests.support.installation import HOST, Installation

VECTORS: Final = Path(__file__).parent / "vectors"
PATIENCE_SECONDS: Final = 60.0
PASSPHRASE: Final = "correct horse battery staple"


def vectors(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / path).read_text(encoding="utf-8"))
    return content


def joined(link: Link, name: str) -> tuple[Connection, Device, bytes]:
    """A new account by the link's token, as a person makes one: ask, derive, connect again, register."""
    device = Device(mapped_name(name), server_id(link.authority))
    with Connection(link) as asking:
        row = asking.login_kdf(device.name)
    secret = login_secret(PASSPHRASE, device.server_id, device.name, row)
    connection = Connection(link)
    connection.register(device, secret, link.token)
    return connection, device, secret


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        action()
    return caught.value.code


# --- with a real server ------------------------------------------------------------------------------------------


def test_a_client_written_from_the_document_joins_posts_and_reads_the_answer_of_another(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    invites = [installation.invite(), installation.invite()]
    with installation.start():
        links = [parse_link(installation.link(token)) for token in invites]
        alice, _, _ = joined(links[0], "Alice")
        with alice:
            opened = alice.request("room.open", room="lobby")
            bob, _, _ = joined(links[1], "bob")
            with bob:
                assert alice.event("joined")["name"] == "bob"
                assert "bob" in alice.event("room.presence")["online"]
                bob.request("room.open", room="lobby", after=opened["head"])
                assert bob.event("joined")["name"] == "bob"

                accepted = alice.post("lobby", "Is anybody here?")
                question = bob.event("message")
                assert (question["sender"], question["text"]) == ("alice", "Is anybody here?")
                assert (question["number"], question["time"]) == (accepted["number"], accepted["time"])
                assert alice.event("message") == question

                answered = bob.post("lobby", "I am.")
                answer = alice.event("message")
                assert (answer["sender"], answer["text"], answer["number"]) == ("bob", "I am.", answered["number"])

                events = alice.history("lobby", 1, answered["number"])
                assert [event["number"] for event in events] == list(range(1, answered["number"] + 1))
                assert [event["type"] for event in events] == ["joined", "joined", "message", "message"]
                assert events[-2:] == [question, answer]


def test_a_cut_connection_resumes_by_its_token_and_a_logout_ends_the_token(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    token = installation.invite()
    with installation.start():
        link = parse_link(installation.link(token))
        connection, device, secret = joined(link, "alice")
        with connection:
            said = connection.post("lobby", "Remember this.")
        with Connection(link) as again:
            welcome = again.resume(device)
            assert [room["room"] for room in welcome["rooms"]] == ["lobby"]
            assert welcome["rooms"][0]["head"] == said["number"]
            assert again.request("logout")["type"] == "done"
        with Connection(link) as refused:
            assert refusal(lambda: refused.resume(device)) == "auth.token_unknown"
        with Connection(link) as by_passphrase:
            assert by_passphrase.login(device, secret)["token"] == device.token
        with Connection(link) as last:
            last.resume(device)
            assert last.history("lobby", said["number"], said["number"])[0]["text"] == "Remember this."


def test_a_repeated_message_is_acknowledged_again_and_not_said_twice(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    token = installation.invite()
    with installation.start():
        connection, _, _ = joined(parse_link(installation.link(token)), "alice")
        with connection:
            post = {"room": "lobby", "client_id": bytes(8) + (1).to_bytes(8, "big"), "text": "once"}
            first = connection.request("room.post", **post)
            assert connection.request("room.post", **post)["number"] == first["number"]
            assert refusal(lambda: connection.request("room.post", **{**post, "text": "x"})) == "message.id_reused"


def test_what_the_document_says_is_refused_is_refused(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    token = installation.invite()
    with installation.start():
        link = parse_link(installation.link(token))
        secret = bytes(32)
        with Connection(link) as connection:
            assert refusal(lambda: connection.request("room.list")) == "command.not_now"
            stranger = Device("alice", connection.server_id)
            assert refusal(lambda: connection.register(stranger, secret, bytes(16))) == "invite.unknown"
        with Connection(link) as connection:
            other_server = Device("alice", bytes(32))
            assert refusal(lambda: connection.register(other_server, secret, token)) == "auth.signature"
        with Connection(link) as connection:
            unmapped = Device("Alice", connection.server_id)
            assert refusal(lambda: connection.register(unmapped, secret, token)) == "name.invalid"
        with Connection(link) as connection:
            assert refusal(lambda: connection.request("ping", surplus=1)) == "command.invalid"


# --- who is not the server of the link ---------------------------------------------------------------------------


class Impostor:
    """Answers one connection with an installation's certificate and another log's key; keeps what it is sent."""

    def __init__(self, installation: Installation) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols([ALPN])
        self._context.load_cert_chain(
            installation.certificates.server_certificate, installation.certificates.server_key
        )
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(PATIENCE_SECONDS)
        self.port: int = self._listener.getsockname()[1]
        self._thread = ThreadPoolExecutor(1)
        self.sent: Future[bytes | None] = self._thread.submit(self._serve)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._listener.close()

    def _serve(self) -> bytes | None:
        """All that came inside TLS; None if no handshake came to its end."""
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE_SECONDS)
        try:
            channel = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            return None
        with channel:
            body = b"\x84\xa4type\xa5hello\xa5nonce\xc4\x20" + bytes(32) + b"\xa6log_pk\xc4\x20" + bytes(32)
            body += b"\xacregistration\xa6invite"
            try:
                channel.sendall(len(body).to_bytes(4, "big") + body)
                return b"".join(iter(lambda: channel.recv(4096), b""))
            except OSError:  # the client has refused the certificate; in TLS 1.3 the server learns it afterwards
                return None


def test_a_server_under_another_authority_is_refused_and_nothing_is_sent_to_it(tmp_path: Path) -> None:
    ours, others = Installation(tmp_path / "ours"), Installation(tmp_path / "others")
    link = parse_link(ours.link(bytes(16), port=1))
    with Impostor(others) as impostor:
        with pytest.raises(ssl.SSLCertVerificationError):
            Connection(dataclasses.replace(link, port=impostor.port))
        assert impostor.sent.result(PATIENCE_SECONDS) is None


def test_a_server_with_another_log_key_is_refused_and_nothing_is_sent_to_it(tmp_path: Path) -> None:
    ours = Installation(tmp_path)
    link = parse_link(ours.link(bytes(16), port=1))
    with Impostor(ours) as impostor:
        with pytest.raises(Violation, match="log"):
            Connection(dataclasses.replace(link, port=impostor.port))
        assert impostor.sent.result(PATIENCE_SECONDS) == b""


def test_the_real_server_is_refused_by_a_link_of_another_authority_or_log(tmp_path: Path) -> None:
    ours, others = Installation(tmp_path / "ours"), Installation(tmp_path / "others")
    with ours.start():
        link, other = parse_link(ours.link()), parse_link(others.link(port=1))
        with pytest.raises(ssl.SSLCertVerificationError):
            Connection(dataclasses.replace(link, authority=other.authority))
        with pytest.raises(Violation, match="log"):
            Connection(dataclasses.replace(link, log_pin=other.log_pin))
        with Connection(link) as connection:
            assert connection.hello["registration"] == "invite"


def test_the_real_server_is_refused_under_a_name_that_its_certificate_does_not_bear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path)
    with installation.start():
        link = parse_link(installation.link())
        connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda address, timeout: connect((HOST, address[1]), timeout))
        with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
            Connection(dataclasses.replace(link, host="team.example.org"))


# --- the vectors, read by a stranger -----------------------------------------------------------------------------


def test_every_link_of_the_vectors_is_read_or_refused_as_they_say() -> None:
    content = vectors("protocol/link.json")
    for case in content["links"]:
        link = dataclasses.asdict(parse_link(case["text"]))
        assert {key: value.hex() if isinstance(value, bytes) else value for key, value in link.items()} == case["link"]
    for case in content["other_spellings"]:
        assert parse_link(case["text"]) == parse_link(case["means"]), case["what"]
    for case in content["refused"] + content["newer"]:
        with pytest.raises(LinkRefused):
            parse_link(case["text"])


def test_pins_and_the_identifier_of_the_server_are_those_of_the_vectors() -> None:
    content = vectors("protocol/link.json")
    authority = content["authority"]
    key = spki(bytes.fromhex(authority["point"]))
    assert key.hex() == authority["spki"]
    assert shown_pin(hashlib.sha256(key).digest()[:16]) == authority["pin"]
    assert server_id(bytes.fromhex(authority["point"])).hex() == authority["server_id"]
    pin = digest("log-pin", bytes.fromhex(content["log"]["public_key"]))[:16]
    assert (pin.hex(), shown_pin(pin)) == (content["log"]["pin"], content["log"]["shown"])


def test_the_bytes_of_login_and_invitation_are_those_of_the_vectors() -> None:
    content = vectors("protocol/authentication.json")
    for case in content["login_salts"]:
        assert login_salt(bytes.fromhex(case["server_id"]), case["name"]).hex() == case["salt"]
    pin = content["inviter_pin"]
    assert (
        inviter_pin(bytes.fromhex(pin["user_id"]), pin["name"], bytes.fromhex(pin["identity_key"])).hex() == pin["pin"]
    )
    case = content["invite_proof"]
    told = {key: bytes.fromhex(value) for key, value in case["invitation"].items() if key != "joiner_name"}
    token = bytes.fromhex(content["tokens"]["invite"]["token"])
    assert hashlib.sha256(token).digest() == told["token_hash"]
    proof = invite_proof(
        Link("", 0, b"", b"", token, b"", bytes.fromhex(case["secret"])),
        told["inviter_user_id"],
        told["inviter_identity_key"],
        told["joiner_user_id"],
        case["invitation"]["joiner_name"],
        told["joiner_identity_key"],
    )
    assert proof.hex() == case["proof"]


def test_a_device_list_and_a_signed_prekey_are_those_of_the_vectors() -> None:
    account, prekeys = vectors("e2ee/device_keys.json"), vectors("e2ee/prekeys.json")
    first, prekey = account["devices"][0], prekeys["signed_prekey"]
    device = Device(
        account["name"],
        server_id=bytes(32),
        identity=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(account["identity_seed"])),
        signing=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(first["signing_seed"])),
        dh=X25519PrivateKey.from_private_bytes(bytes.fromhex(first["dh_secret"])),
        prekey_x=X25519PrivateKey.from_private_bytes(bytes.fromhex(prekey["dh_secret"])),
        prekey_mlkem=MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(prekey["kem_seed"])),
        user_id=bytes.fromhex(account["user_id"]),
        device_id=first["device_id"],
        prekey_id=bytes.fromhex(prekey["prekey_id"]),
        created=account["created"][0],
    )
    assert device.device_list().hex() == account["signed_device_lists"][0]
    assert digest("dl", device.device_list()).hex() == account["digests"][0]
    assert device.signed_prekey().hex() == prekey["published"]


def test_the_tags_of_the_vectors_are_those_of_the_formula() -> None:
    for name, value in vectors("directory/tags.json")["tags"].items():
        assert tag(name).hex() == value
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key.public_key().verify(sig(key, "login", b"message"), tag("login") + b"message")


# --- independence ------------------------------------------------------------------------------------------------


def test_the_client_imports_nothing_of_the_project() -> None:
    source = Path(independent_client.__file__).read_text(encoding="utf-8")
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name not in {"__import__", "import_module", "exec", "eval"}
    allowed = sys.stdlib_module_names | {"cryptography", "msgspec", "nacl", "precis_i18n"}
    assert {name.partition(".")[0] for name in names} <= allowed - {"importlib"}

"""A client written from PROTOCOL.md alone, by its sections. It imports nothing of the project, and never shall."""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import msgspec
import nacl.pwhash.argon2id
import precis_i18n
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

ALPN: Final = "secure-chat/1"
MAX_FRAME_BYTES: Final = 262_144
MAX_LINK_CHARACTERS: Final = 512
MAX_HOST_CHARACTERS: Final = 253
DEFAULT_PORT: Final = 7443
PATIENCE_SECONDS: Final = 60.0
DISCARD_SECONDS: Final = 1.0
NUMBERED: Final = frozenset({"message", "topic", "joined", "left", "kicked"})
LOGIN_KDF: Final = {1: (3, 256 * 1024 * 1024)}  # row: operations, bytes of memory

LINK = re.compile(
    r"secure-chat://(?:\[(?P<v6>[0-9A-Fa-f:]+)\]|(?P<host>[0-9A-Za-z.-]+))(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"/j#(?P<version>[1-9][0-9]*)\.(?P<rest>\S+)"
)
LABEL = re.compile(r"(?!-)[0-9a-z-]{1,63}(?<!-)")

Message = dict[str, Any]


class LinkRefused(Exception):
    """Not a link, or one of a version that this client does not know."""


class Violation(Exception):
    """The server is not the one of the link, or says what the protocol does not allow."""


class Refused(Exception):
    """The server has answered with an error; `code` is all that it promises."""

    def __init__(self, answer: Message) -> None:
        super().__init__(f"{answer['code']}: {answer['sentence']}")
        self.code: str = answer["code"]


# --- 3. links ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """Which server, which authority, and the right to join once."""

    host: str
    port: int
    authority: bytes
    log_pin: bytes
    token: bytes = b""
    inviter_pin: bytes = b""
    secret: bytes = b""


def parse_link(text: str) -> Link:
    """Read a link; anything else than one canonical line is refused."""
    text = text.strip()
    match = LINK.fullmatch(text) if len(text) <= MAX_LINK_CHARACTERS else None
    if match is None:
        raise LinkRefused("this is not a link")
    if match["version"] != "1":
        raise LinkRefused("this link needs a newer version")
    parts = match["rest"].split(".")
    if len(parts) == 2:
        parts.append("")  # the point of an empty token, lost
    if len(parts) not in (3, 5):
        raise LinkRefused("a link has three parts or five")
    port = int(match["port"] or DEFAULT_PORT)
    if port > 0xFFFF:
        raise LinkRefused("this is not a port")
    token = _part(parts[2], 16) if parts[2] or len(parts) == 5 else b""
    inviter = [_part(part, 16) for part in parts[3:]]
    return Link(_host(match["v6"], match["host"]), port, _authority(parts[0]), _part(parts[1], 16), token, *inviter)


def _part(text: str, size: int) -> bytes:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise LinkRefused("this is not base64url") from None
    if len(value) != size or base64.urlsafe_b64encode(value).rstrip(b"=").decode() != text:
        raise LinkRefused("this is not base64url in its canonical form")
    return value


def _authority(text: str) -> bytes:
    point = _part(text, 33)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise LinkRefused("the authority is no point of the curve") from None
    return point


def _host(v6: str | None, name: str | None) -> str:
    try:
        if v6 is not None:
            six = ipaddress.IPv6Address(v6)
            if six.ipv4_mapped is not None:
                raise LinkRefused("an IPv4 address is written as one")
            return six.compressed
        host = (name or "").lower()
        labels = host.split(".")
        if labels[-1].isdigit():
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise LinkRefused("this is not an address") from None
    if len(host) > MAX_HOST_CHARACTERS or not all(LABEL.fullmatch(label) for label in labels):
        raise LinkRefused("this is not a host name")
    return host


# --- 5. encodings under signatures and hashes --------------------------------------------------------------------


def tag(name: str) -> bytes:
    """T(tag)."""
    return b"secure_chat/e2ee/1 " + name.encode() + b"\x00"


def enc_str(text: str) -> bytes:
    """A `str` of enc: length as u32, and UTF-8."""
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def sig(key: Ed25519PrivateKey, name: str, message: bytes) -> bytes:
    """Sig(k, tag, m)."""
    return key.sign(tag(name) + message)


def digest(name: str, message: bytes) -> bytes:
    """SHA-256(T(tag) || m)."""
    return hashlib.sha256(tag(name) + message).digest()


def mapped_name(name: str) -> str:
    """An account's name as it stands under signatures (section 6)."""
    mapped: str = precis_i18n.get_profile("UsernameCaseMapped").enforce(name)
    return mapped


# --- 2.1 who the server is ---------------------------------------------------------------------------------------


def spki(authority: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a compressed point."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), authority)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def shown_pin(value: bytes) -> str:
    """Base32 in groups of four."""
    text = base64.b32encode(value).decode().rstrip("=")
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def server_id(authority: bytes) -> bytes:
    """What login secrets and login signatures are bound to."""
    return digest("server-id", spki(authority))


def anchor(authority: bytes) -> str:
    """The trust anchor, rebuilt from the key alone; its signature means nothing."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), authority)
    short = shown_pin(hashlib.sha256(spki(authority)).digest()[:16]).replace("-", "")[:8]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"secure_chat authority {short}")])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement".split()
        + "crl_sign encipher_only decipher_only".split(),
        False,
    )
    builder = x509.CertificateBuilder(subject, subject, key, x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    certificate = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return certificate.public_bytes(Encoding.PEM).decode()


# --- 5.1 to 5.3 keys of an account and its device ----------------------------------------------------------------


@dataclass
class Device:
    """An account on its first device. Nothing is stored: a test's device lives as long as the object."""

    name: str
    server_id: bytes
    identity: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    signing: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    dh: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    prekey_x: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    prekey_mlkem: MLKEM768PrivateKey = field(default_factory=MLKEM768PrivateKey.generate)
    user_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    device_id: int = field(default_factory=lambda: 1 + secrets.randbelow(0xFFFF_FFFF))
    prekey_id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    created: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    counter: int = 0
    token: bytes = b""

    @property
    def uik(self) -> bytes:
        """The public half of the account's identity."""
        return self.identity.public_key().public_bytes_raw()

    def device_list(self) -> bytes:
        """The signed device list, version 1."""
        number, dh = self.device_id.to_bytes(4, "big"), self.dh.public_key().public_bytes_raw()
        created = self.created.to_bytes(8, "big")
        pop = sig(self.signing, "device-pop", self.user_id + self.uik + number + dh)
        entry = number + self.signing.public_key().public_bytes_raw() + dh + created + pop
        head = self.user_id + enc_str(self.name) + self.uik + (1).to_bytes(4, "big") + bytes(32) + created + b"\x01"
        return head + entry + sig(self.identity, "devlist", head + entry)

    def signed_prekey(self) -> bytes:
        """The signed prekey as it is published."""
        x, mlkem = self.prekey_x.public_key().public_bytes_raw(), self.prekey_mlkem.public_key().public_bytes_raw()
        prekey = self.prekey_id + b"\x01" + x + mlkem + self.created.to_bytes(8, "big")
        return prekey + sig(self.signing, "prekey-signed", self.user_id + self.device_id.to_bytes(4, "big") + prekey)

    def proof(self, nonce: bytes, leaf: bytes) -> Message:
        """The map DeviceProof for one connection (section 11.2); the counter rises with each."""
        self.counter += 1
        covered = self.server_id + self.user_id + self.device_id.to_bytes(4, "big") + nonce
        signature = sig(self.signing, "login", covered + hashlib.sha256(leaf).digest())
        return {"device_id": self.device_id, "signature": signature, "counter": self.counter}


# --- 11.1 the login secret, 3. the invite's proof ----------------------------------------------------------------


def login_salt(server: bytes, name: str) -> bytes:
    """The salt of the login secret; `name` is mapped."""
    return digest("login", server + enc_str(name))[:16]


def login_secret(passphrase: str, server: bytes, name: str, row: int) -> bytes:
    """Derive what stands for the passphrase at this server."""
    if row not in LOGIN_KDF:
        raise Violation(f"the server asks for row {row} of the derivations")
    operations, memory = LOGIN_KDF[row]
    prepared = precis_i18n.get_profile("OpaqueString").enforce(passphrase).encode()
    return nacl.pwhash.argon2id.kdf(32, prepared, login_salt(server, name), opslimit=operations, memlimit=memory)


def inviter_pin(user_id: bytes, name: str, uik: bytes) -> bytes:
    """The inviter as a link names him."""
    return digest("inviter-pin", user_id + enc_str(name) + uik)[:16]


def invite_proof(link: Link, inviter_id: bytes, inviter_uik: bytes, joiner_id: bytes, name: str, uik: bytes) -> bytes:
    """What the joiner sends to show the inviter that it was he who had the link."""
    message = hashlib.sha256(link.token).digest() + inviter_id + inviter_uik + joiner_id + enc_str(name) + uik
    return hmac.digest(link.secret, tag("invite-proof") + message, "sha256")


# --- 4. frames, 7. to 12. a connection ---------------------------------------------------------------------------


def split_frames(joined: bytes) -> list[Message]:
    """The frames of `events` in a page."""
    frames = []
    while joined:
        end = 4 + int.from_bytes(joined[:4], "big")
        if not 4 < end <= len(joined):
            raise Violation("a page holds a frame that is none")
        frames.append(msgspec.msgpack.decode(joined[4:end], type=Message))
        joined = joined[end:]
    return frames


class Connection:
    """A verified connection that has seen hello and knows that the log's key is the link's."""

    def __init__(self, link: Link) -> None:
        self.server_id = server_id(link.authority)
        self._run, self._said, self._next_id = secrets.token_bytes(8), 0, 0
        self._events: list[Message] = []
        self._shown: dict[str, int] = {}  # the number of the newest event of each opened room
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.set_alpn_protocols([ALPN])
        context.load_verify_locations(cadata=anchor(link.authority))
        raw = socket.create_connection((link.host, link.port), PATIENCE_SECONDS)
        self._socket = context.wrap_socket(raw, server_hostname=link.host)
        try:
            leaf = self._socket.getpeercert(binary_form=True)
            if self._socket.selected_alpn_protocol() != ALPN or leaf is None:
                raise Violation("the server does not speak this protocol")
            self._leaf = leaf
            self.hello = self._read()
            if self.hello["type"] != "hello" or digest("log-pin", self.hello["log_pk"])[:16] != link.log_pin:
                raise Violation("the key of the log is not the link's")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say close_notify, end the own direction, discard for a second what still comes (section 2.2)."""
        self._socket.settimeout(DISCARD_SECONDS)
        try:
            self._socket.unwrap()
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(65_536):
                pass
        except OSError:
            pass  # the other side was faster, or has nothing more to say
        finally:
            self._socket.close()

    def request(self, kind: str, **fields: object) -> Message:
        """Send a request; the reply, while events wait for `event`."""
        self._next_id += 1
        self._write({"type": kind, "id": self._next_id, **fields})
        while True:
            message = self._read()
            if message.get("id") == self._next_id and message["type"] != "ping":  # a ping has an id of its own
                break
            self._note(message)
        if message["type"] == "error":
            raise Refused(message)
        if message["type"] == "room.opened":
            self._shown[message["room"]] = message["after"]
        return message

    def event(self, kind: str) -> Message:
        """The next event of this kind; others wait for their own call."""
        while True:
            for position, message in enumerate(self._events):
                if message["type"] == kind:
                    del self._events[position]
                    return message
            self._note(self._read())

    def login_kdf(self, name: str) -> int:
        """Which row of the derivations a name uses."""
        row: int = self.request("name.query", name=name)["login_kdf"]
        return row

    def register(self, device: Device, secret: bytes, token: bytes, proof: bytes = b"") -> Message:
        """Make the account."""
        registration = {"name": device.name, "login_secret": secret, "token": token, "proof": proof}
        registration |= {"device_list": device.device_list(), "signed_prekey": device.signed_prekey()}
        return self._welcomed(device, "register", **registration)

    def login(self, device: Device, secret: bytes) -> Message:
        """Log in by the login secret."""
        return self._welcomed(device, "login", name=device.name, login_secret=secret)

    def resume(self, device: Device) -> Message:
        """Log in by the resume token."""
        return self._welcomed(device, "resume", token=device.token)

    def post(self, room: str, text: str) -> Message:
        """Say something; the acknowledgement."""
        self._said += 1
        return self.request("room.post", room=room, client_id=self._run + self._said.to_bytes(8, "big"), text=text)

    def history(self, room: str, first: int, last: int) -> list[Message]:
        """Events `first` to `last`, as many pages as it takes."""
        events: list[Message] = []
        while first <= last:
            page = self.request("room.history", room=room, first=first, last=last)
            events += split_frames(page["events"])
            if page["last"] < first:
                break
            first = page["last"] + 1
        return events

    def _welcomed(self, device: Device, kind: str, **fields: object) -> Message:
        welcome = self.request(kind, **fields, device=device.proof(self.hello["nonce"], self._leaf))
        if welcome["type"] != "welcome" or welcome["user_id"] != device.user_id or welcome["name"] != device.name:
            raise Violation("this welcome is for somebody else")
        if welcome["counter_before"] >= device.counter:
            raise Violation("this device was used in two places")
        if token := welcome.get("token"):
            device.token = token
            self.request("token.confirm", token_hash=hashlib.sha256(token).digest())
        return welcome

    def _note(self, message: Message) -> None:
        if message["type"] == "ping":
            self._write({"type": "pong", "id": message["id"]})
        elif message["type"] == "error" and message["id"] == 0:
            raise Refused(message)
        elif message["type"] == "room.gap" or message["type"] in NUMBERED:
            first = message["first"] if message["type"] == "room.gap" else message["number"]
            if first != self._shown.get(message["room"], -1) + 1:
                raise Violation("an event is missing, or came twice")
            self._shown[message["room"]] = message["last"] if message["type"] == "room.gap" else first
        self._events.append(message)

    def _write(self, message: Message) -> None:
        body = msgspec.msgpack.encode(message)
        self._socket.sendall(len(body).to_bytes(4, "big") + body)

    def _read(self) -> Message:
        size = int.from_bytes(self._exactly(4), "big")
        if not 0 < size <= MAX_FRAME_BYTES:
            raise Violation("a frame of a size that cannot be")
        return msgspec.msgpack.decode(self._exactly(size), type=Message)

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            piece = self._socket.recv(size - len(received))
            if not piece:
                raise ConnectionError("the server has closed the connection")
            received += piece
        return received

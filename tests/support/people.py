"""People for tests: their keys, and accounts written into a server's database before it starts."""

import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache

import bcrypt

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import UserId
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, first_device_list, generate_user_id
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.limits import BCRYPT_COST_FLOOR, RESUME_TOKEN_BYTES
from secure_chat.protocol.authentication import (
    LOGIN_SECRET_BYTES,
    bcrypt_input,
    login_signature_payload,
)
from secure_chat.protocol.commands import DeviceProof


@dataclass(slots=True)
class TestPerson:
    """One account with one device: everything a wire client needs to log in as it."""

    __test__ = False

    name: str
    user_id: UserId
    identity: IdentitySecret
    device: DeviceSecrets
    device_list: AcceptedDeviceList
    signed_prekey: SignedPrekeySecret
    login_secret: bytes = field(repr=False)
    resume_token: bytes = field(repr=False)
    counter: int = 0

    def proof(self, server_id: bytes, nonce: bytes, leaf_hash: bytes) -> DeviceProof:
        """This device's word for one connection; raises the counter."""
        self.counter += 1
        payload = login_signature_payload(server_id, self.user_id, self.device.device_id, nonce, leaf_hash)
        return DeviceProof(self.device.device_id, self.device.sign(payload), self.counter)


def make_person(name: str) -> TestPerson:
    """Somebody with fresh keys; `name` in its mapped form."""
    now_ms, random = int(time.time() * 1000), secrets.token_bytes
    identity, device = IdentitySecret.generate(random), DeviceSecrets.generate(random)
    user_id = generate_user_id(random)
    return TestPerson(
        name,
        user_id,
        identity,
        device,
        first_device_list(identity, device, user_id, name, now_ms),
        SignedPrekeySecret.generate(device, user_id, random, now_ms),
        random(LOGIN_SECRET_BYTES),
        random(RESUME_TOKEN_BYTES),
    )


@lru_cache(maxsize=1)
def shared_login() -> tuple[bytes, bytes]:
    """A login secret and its stored hash, the same in the whole process: tests make many people."""
    login_secret = secrets.token_bytes(LOGIN_SECRET_BYTES)
    return login_secret, cheap_password_hash(login_secret)


def cheap_password_hash(login_secret: bytes) -> bytes:
    """The stored hash at the floor of the cost: tests log in often."""
    return bcrypt.hashpw(bcrypt_input(login_secret), bcrypt.gensalt(BCRYPT_COST_FLOOR))

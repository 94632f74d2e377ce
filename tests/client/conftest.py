"""Argon2id computed once for each passphrase and salt: the same bytes as ever, without the wait; and few salts."""

import functools
import itertools
import os
from collections.abc import Callable, Iterator

import pytest
from nacl.pwhash import argon2id

from secure_chat.client.vault.wraps import SALT_BYTES, Cost, Wrap
from tests.support.client_people import cheap_login_derivation

SALTS = itertools.cycle([number.to_bytes(SALT_BYTES, "big") for number in range(1, 9)])


@pytest.fixture(scope="session", autouse=True)
def derivations_are_remembered() -> Iterator[None]:
    """Derive what has been derived before from memory: a vault's copies have its salt and its passphrase."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2id, "kdf", functools.cache(argon2id.kdf))
        yield


@pytest.fixture(scope="module", autouse=True)
def salts_are_few() -> Iterator[None]:
    """New vaults take their salts from a few in turn, so that their keys are remembered; the vault's own tests do not.

    Where a test hands in the randomness, that is asked.
    """
    seal = Wrap.seal

    def seal_with_a_known_salt(
        purpose: str, secret: bytes, passphrase: bytes, cost: Cost, random: Callable[[int], bytes]
    ) -> Wrap:
        def drawn(size: int) -> bytes:
            return next(SALTS) if size == SALT_BYTES else random(size)

        return seal(purpose, secret, passphrase, cost, drawn if random is os.urandom else random)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wrap, "seal", seal_with_a_known_salt)
        yield


@pytest.fixture(scope="module")
def cheap_login_derivations() -> Iterator[None]:
    """Logins whose secret is derived in a moment, for modules in which many people come in; no server can tell."""
    with cheap_login_derivation():
        yield

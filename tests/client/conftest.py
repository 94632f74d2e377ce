"""Argon2id computed once for each passphrase and salt: the same bytes as ever, without the wait."""

import functools
from collections.abc import Iterator

import pytest
from nacl.pwhash import argon2id

from tests.support.client_people import cheap_login_derivation


@pytest.fixture(scope="session", autouse=True)
def derivations_are_remembered() -> Iterator[None]:
    """Derive what has been derived before from memory: a vault's copies have its salt and its passphrase."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2id, "kdf", functools.cache(argon2id.kdf))
        yield


@pytest.fixture(scope="module")
def cheap_login_derivations() -> Iterator[None]:
    """Logins whose secret is derived in a moment, for modules in which many people come in; no server can tell."""
    with cheap_login_derivation():
        yield

"""Argon2id computed once for each passphrase and salt: the same bytes as ever, without the wait."""

import functools
from collections.abc import Iterator

import pytest
from nacl.pwhash import argon2id


@pytest.fixture(scope="session", autouse=True)
def derivations_are_remembered() -> Iterator[None]:
    """Derive what has been derived before from memory: a vault's copies have its salt and its passphrase."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2id, "kdf", functools.cache(argon2id.kdf))
        yield

"""Passphrases come from a private file, the terminal or the keyring, and are never accepted half."""

import os
import sys
import types
from pathlib import Path

import pytest

from secure_chat.client.passphrases import (
    checked_new,
    keyring_passphrase,
    new_passphrase,
    read_passphrase_file,
)
from secure_chat.errors import NothingToAsk, PassphraseFileUnusable, PassphraseInvalid, PassphrasesDiffer
from secure_chat.limits import MIN_PASSPHRASE_CHARACTERS
from tests.support.answering import Scripted

GOOD = "correct horse battery"


def private(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def test_the_first_line_of_a_private_file_is_the_passphrase(tmp_path: Path) -> None:
    assert read_passphrase_file(private(tmp_path / "file", "geheim ä\r\nnot this\n".encode())) == "geheim ä"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o601])
def test_a_file_that_others_can_read_or_change_is_refused(mode: int, tmp_path: Path) -> None:
    path = private(tmp_path / "file", b"secret\n")
    path.chmod(mode)
    with pytest.raises(PassphraseFileUnusable, match="Others can read or change") as refusal:
        read_passphrase_file(path)
    assert "secret" not in str(refusal.value)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = private(tmp_path / "file", b"secret\n")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PassphraseFileUnusable, match="another user"):
        read_passphrase_file(path)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseFileUnusable, match="cannot be read"):
        read_passphrase_file(tmp_path / "nothing")
    with pytest.raises(PassphraseFileUnusable, match="not UTF-8"):
        read_passphrase_file(private(tmp_path / "file", b"\xff\xfe\n"))


def test_a_new_passphrase_has_a_least_length_and_is_typed_twice() -> None:
    assert checked_new("x" * MIN_PASSPHRASE_CHARACTERS)
    with pytest.raises(PassphraseInvalid, match="at least 8"):
        checked_new("x" * (MIN_PASSPHRASE_CHARACTERS - 1))
    with pytest.raises(PassphrasesDiffer):
        new_passphrase(Scripted(GOOD, "something else", repeats=False))
    asking = Scripted("short", GOOD, "something else", GOOD, GOOD)
    assert new_passphrase(asking) == GOOD
    assert len(asking.said) == 2


def test_without_the_keyring_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert keyring_passphrase("alice@here") is None


def test_the_keyring_is_asked_for_the_profile_and_its_troubles_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked(Exception):
        pass

    def get_password(service: str, title: str) -> str | None:
        if title == "locked@here":
            raise Locked
        return {("secure-chat", "alice@here"): GOOD}.get((service, title))

    errors = types.SimpleNamespace(KeyringError=Locked)
    monkeypatch.setitem(sys.modules, "keyring", types.SimpleNamespace(get_password=get_password, errors=errors))
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert keyring_passphrase("alice@here") == GOOD
    assert keyring_passphrase("bob@here") is None
    with pytest.raises(NothingToAsk, match="Locked"):
        keyring_passphrase("locked@here")

"""A label is input from a disk that others may have written to."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.client.profile_label import LABEL_NAME, ProfileLabel, ProfileState, read_label, write_label
from secure_chat.client.vault.location import write_private_file
from secure_chat.errors import ChatError, VaultDamaged, VaultMissing, VaultPermissions, VaultSymlink
from tests.client.vault.vaults import new_account, private_directory

ACCOUNT = new_account().account
LABEL = ProfileLabel.of(ACCOUNT, ProfileState.COMPLETE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return private_directory(tmp_path, "profile")


def test_a_label_comes_back_as_it_was_written(directory: Path) -> None:
    write_label(directory, LABEL)
    assert read_label(directory) == LABEL
    assert (directory / LABEL_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("host", "port", "title"),
    [
        ("team.example.org", 7443, "alice@team.example.org"),
        ("team.example.org", 7444, "alice@team.example.org:7444"),
        ("127.0.0.1", 17443, "alice@127.0.0.1:17443"),
        ("::1", 7443, "alice@[::1]"),
        ("::1", 7444, "alice@[::1]:7444"),
    ],
)
def test_a_title_says_who_and_where(host: str, port: int, title: str) -> None:
    assert msgspec.structs.replace(LABEL, host=host, port=port).title == title


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("state", "ready"),
        ("name", ""),
        ("name", "a" * (limits.MAX_NAME_CHARACTERS + 1)),
        ("name", "al\x1b[2Jice"),
        ("name", "ali\u202ece"),
        ("name", "ali\nce"),
        ("name", "alice@evil.example.org"),
        ("name", None),
        ("host", "Team.example.org"),
        ("host", "team.example.org/../.."),
        ("host", ""),
        ("host", "a" * 300),
        ("port", 0),
        ("port", 65536),
        ("port", "7443"),
        ("authority", "AAAA"),
        ("server_id", ""),
        ("log_key", "not base64!"),
        ("more", 1),
    ],
)
def test_a_label_with_anything_else_in_it_is_refused(directory: Path, field: str, value: object) -> None:
    facts = json.loads(msgspec.json.encode(LABEL))
    facts[field] = value
    write_private_file(directory / LABEL_NAME, json.dumps(facts).encode())
    with pytest.raises(VaultDamaged) as refusal:
        read_label(directory)
    assert "\x1b" not in refusal.value.sentence


@pytest.mark.parametrize("field", ["state", "name", "host", "port", "authority", "server_id", "log_key"])
def test_a_label_with_a_part_missing_is_refused(directory: Path, field: str) -> None:
    facts = json.loads(msgspec.json.encode(LABEL))
    del facts[field]
    write_private_file(directory / LABEL_NAME, json.dumps(facts).encode())
    with pytest.raises(VaultDamaged):
        read_label(directory)


@given(st.one_of(st.binary(max_size=200), st.integers(0, 5000).map(lambda depth: b"[" * depth)))
@settings(max_examples=60)
def test_any_bytes_in_place_of_a_label_give_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    directory = private_directory(tmp_path_factory.mktemp("label"))
    write_private_file(directory / LABEL_NAME, data)
    with pytest.raises(ChatError):
        read_label(directory)


def test_a_giant_label_is_not_read(directory: Path) -> None:
    encoded = msgspec.json.encode(LABEL)
    padded = encoded + b" " * (limits.MAX_PROFILE_LABEL_BYTES - len(encoded))
    write_private_file(directory / LABEL_NAME, padded)
    assert read_label(directory) == LABEL
    write_private_file(directory / LABEL_NAME, padded + b" ")
    with pytest.raises(VaultDamaged):
        read_label(directory)


def test_a_label_open_to_others_a_link_and_none_are_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(VaultMissing):
        read_label(directory)
    write_label(directory, LABEL)
    (directory / LABEL_NAME).chmod(0o644)
    with pytest.raises(VaultPermissions):
        read_label(directory)
    (directory / LABEL_NAME).rename(tmp_path / "elsewhere")
    (directory / LABEL_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultSymlink):
        read_label(directory)


def test_the_longest_label_fits() -> None:
    longest = msgspec.structs.replace(
        LABEL,
        name="\U0001f600" * limits.MAX_NAME_CHARACTERS,
        host=".".join(["a" * 63] * 3 + ["a" * 61]),
        port=65535,
    )
    assert len(msgspec.json.encode(longest)) <= limits.MAX_PROFILE_LABEL_BYTES

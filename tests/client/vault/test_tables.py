"""A table reads what it wrote, also in an older form, and never a newer one."""

from dataclasses import dataclass

import pytest

from secure_chat.client.vault.tables import Table
from secure_chat.errors import VaultDamaged, VaultVersion


@dataclass(frozen=True, slots=True)
class Place:
    room: str
    number: int


def read_first_form(data: bytes) -> Place:
    return Place(data.decode("utf-8"), 0)


PLACES = Table("place", Place)
LATER_PLACES = Table("place", Place, schema=2, earlier={1: read_first_form})


def test_a_record_comes_back_as_it_was() -> None:
    place = Place("lobby", 5)
    assert PLACES.decode(PLACES.encode(place), 1) == place


def test_a_record_of_an_older_form_is_read_by_its_function() -> None:
    assert LATER_PLACES.decode(b"lobby", 1) == Place("lobby", 0)
    with pytest.raises(VaultDamaged):
        LATER_PLACES.decode(b"\xff", 1)


def test_a_record_of_a_newer_form_wants_a_newer_version() -> None:
    with pytest.raises(VaultVersion):
        PLACES.decode(PLACES.encode(Place("lobby", 5)), 2)


def test_a_record_of_a_form_that_never_was_is_refused() -> None:
    with pytest.raises(VaultDamaged):
        LATER_PLACES.decode(b"", 0)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x80", b"\x82\xa4room\x05\xa6number\x05", b"\x00" * 9])
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises(VaultDamaged) as refusal:
        PLACES.decode(data, 1)
    assert refusal.value.code == "vault.damaged"

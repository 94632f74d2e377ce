"""Input history, drafts and unread dividers are there at the next start, and only for who has the passphrase."""

from pathlib import Path

import pytest

from secure_chat import limits
from secure_chat.client.vault import places
from secure_chat.client.vault.vault import Vault
from tests.client.vault.vaults import every_byte_on_disk, open_vault


def test_all_of_it_survives_a_restart(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        places.add_input_line(vault, "/join dev")
        places.add_input_line(vault, "hello")
        places.keep_draft(vault, "dev", "not yet")
        places.keep_read_markers(vault, {"dev": 41, "lobby": 7})
    with open_vault(vault_directory) as vault:
        assert places.input_history(vault) == ["/join dev", "hello"]
        assert places.drafts(vault) == {"dev": "not yet"}
        assert places.read_markers(vault) == {"dev": 41, "lobby": 7}


def test_an_empty_draft_is_no_draft(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        places.keep_draft(vault, "dev", "one")
        places.keep_draft(vault, "dev", "two")
        places.keep_draft(vault, "lobby", "three")
        places.keep_draft(vault, "dev", "")
        assert places.drafts(vault) == {"lobby": "three"}


def test_a_divider_may_go_back(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        places.keep_read_markers(vault, {"dev": 41})
        places.keep_read_markers(vault, {"dev": 40})
        assert places.read_markers(vault) == {"dev": 40}


def test_only_the_newest_lines_are_kept(vault_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_INPUT_HISTORY_LINES", 3)
    with open_vault(vault_directory) as vault:
        for number in range(12):
            places.add_input_line(vault, f"line {number}")
        assert places.input_history(vault) == ["line 9", "line 10", "line 11"]


@pytest.mark.parametrize("text", ["", "x" * (limits.MAX_INPUT_LINE_BYTES + 1), "\udcff"])
def test_a_line_that_cannot_be_kept_is_left_out(vault_directory: Path, text: str) -> None:
    with open_vault(vault_directory) as vault:
        places.add_input_line(vault, text)
        places.keep_draft(vault, "dev", text)
        assert places.input_history(vault) == []
        assert places.drafts(vault) == {}


def test_a_line_of_the_greatest_length_is_kept(vault_directory: Path) -> None:
    longest = "\u00e9" * (limits.MAX_INPUT_LINE_BYTES // 2)
    with open_vault(vault_directory) as vault:
        places.add_input_line(vault, longest)
        places.keep_draft(vault, "dev", longest)
        assert places.input_history(vault) == [longest]
        assert places.drafts(vault) == {"dev": longest}


def test_nobody_reads_from_the_file_in_which_rooms_the_person_is(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        fill(vault)
        assert b"secret-project" not in every_byte_on_disk(vault_directory)
    found = every_byte_on_disk(vault_directory)
    assert b"secret-project" not in found
    assert b"read_marker" in found  # the control: the row is there


def fill(vault: Vault) -> None:
    places.add_input_line(vault, "/join secret-project")
    places.keep_draft(vault, "secret-project", "text")
    places.keep_read_markers(vault, {"secret-project": 5})

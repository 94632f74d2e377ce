"""Commands about oneself: the passphrase, how things are, help."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct.events import ContactsFound
from secure_chat.client.line.commands import registry
from secure_chat.client.line.console import Console
from secure_chat.errors import ConnectionLost, VaultPassphrase
from tests.client.line.direct_rows import contact
from tests.client.line.person import MINUTE, TEN, Person


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


# --- the passphrase ------------------------------------------------------------------------------


def test_a_change_of_the_passphrase_asks_three_times_and_says_each_step(alice: Person) -> None:
    assert alice.types("/passwd") == ["* what you type now is not shown; Ctrl-C leaves everything as it is"]
    drawn: list[str] = []
    for prompt, typed in (
        ("Passphrase until now:", "the old one"),
        ("New passphrase:", "the new one"),
        ("New passphrase again:", "the new one"),
    ):
        assert (alice.prompt, alice.console.prompt.is_secret) == (prompt, True)
        drawn = alice.types(typed)
    assert drawn == ["* changing it, here and at the server; this takes some seconds"]
    assert alice.asks() == ("change_passphrase", "the old one", "the new one")
    assert alice.answers(e.Settled()) == ["* the passphrase is changed; your other devices must log in anew"]


def test_a_second_change_waits_for_the_end_of_the_first(alice: Person) -> None:
    def begins() -> list[str]:
        return alice.types("/passwd")

    begins()
    for typed in ("the old one", "the new one", "the new one"):
        alice.types(typed)
    assert begins() == ["! The passphrase is being changed: that takes some seconds. Wait for its end. [usage.invalid]"]
    alice.answers(e.Settled())
    assert begins() == ["* what you type now is not shown; Ctrl-C leaves everything as it is"]
    alice.console.interrupted(had_text=False)


def test_new_passphrases_that_differ_or_are_short_are_asked_for_again(alice: Person) -> None:
    alice.types("/passwd")
    alice.types("the old one")
    assert alice.types("short") == ["! A passphrase has at least 8 characters. [passphrase.invalid]"]
    alice.types("the new one")
    assert alice.types("another one") == ["! The two passphrases differ. [usage.passphrases_differ]"]
    assert alice.prompt == "New passphrase:"
    assert alice.client.take_asked() == []


def test_a_wrong_old_passphrase_changes_nothing_and_says_so(alice: Person) -> None:
    alice.types("/passwd")
    for typed in ("wrong", "the new one", "the new one"):
        alice.types(typed)
    (drawn,) = alice.hears(e.Failed(alice.client.asked[-1].ticket, VaultPassphrase()))
    assert "Your passphrase is still the old one." in drawn


def test_ctrl_c_in_the_middle_leaves_the_passphrase_as_it_is(alice: Person) -> None:
    alice.types("/passwd")
    alice.types("the old one")
    alice.console.interrupted(had_text=True)
    assert alice.sees() == ["* your passphrase is still the old one"]
    assert alice.prompt == "#lobby >"
    assert alice.client.take_asked() == []


def test_a_passphrase_is_never_taken_from_the_line_nor_kept_in_the_history(alice: Person) -> None:
    assert "A passphrase is never typed after a command" in alice.types("/passwd the old one")[0]
    assert not Console.may_be_kept("/passwd the old one")
    assert not Console.may_be_kept("   ")
    assert Console.may_be_kept("hello")
    assert alice.client.take_asked() == []


def test_without_a_connection_or_somebody_to_ask_nothing_is_begun(alice: Person) -> None:
    alice.hears(e.Disconnected(ConnectionLost(), 4.0))
    assert alice.types("/passwd")[0].endswith("[net.offline]")
    pipe = Person(may_ask_secrets=False)
    pipe.arrives("lobby")
    assert pipe.types("/passwd")[0].endswith("[usage.no_terminal]")


# --- how things are ------------------------------------------------------------------------------


def test_status_says_how_things_are_in_words(alice: Person) -> None:
    alice.types("/status")
    answer = e.Status(
        server="team.example.org",
        name="alice",
        role="member",
        authority_pin="K7QF-2M9X",
        log_pin="3TZA-B6KD",
        tls="TLS 1.3",
        connected_since=TEN - 13 * MINUTE,
        round_trip=0.0124,
        rooms=("dev", "lobby"),
        waiting=0,
    )
    assert alice.answers(answer) == [
        "* how things are:",
        "  server      team.example.org, connected since 09:47, answered in 12 ms",
        "  security    TLS 1.3, certificate from the authority of your invite",
        "  authority   pin K7QF-2M9X",
        "  key log     pin 3TZA-B6KD",
        "  you         alice, member",
        "  rooms       #dev, #lobby, kept by the server, which can read them",
    ]
    assert alice.is_told("contacts", ContactsFound((contact("bob"),))) == ["* no line waits to be sent"]


# --- help ----------------------------------------------------------------------------------------


def test_help_lists_every_command_of_the_registry_and_no_other(alice: Person) -> None:
    drawn = alice.types("/help")
    listed = {line.split()[0].strip("/") for line in drawn if line.startswith("  /")}
    assert listed == {command.name for command in registry()}
    assert {"Talk:", "Move:", "Find:", "You and the connection:"} <= set(drawn)


@pytest.mark.parametrize("name", registry().names)
def test_each_command_is_explained(alice: Person, name: str) -> None:
    command = registry().find(name)
    drawn = alice.types(f"/help {name}")
    assert drawn[0] == f"* {command.synopsis}: {command.summary}"
    assert alice.types(f"/help /{name.upper()}") == drawn


def test_help_about_the_keys_names_them(alice: Person) -> None:
    drawn = alice.types("/help keys")
    assert any(line.startswith("  Ctrl-R") for line in drawn)


def test_help_about_nothing_suggests(alice: Person) -> None:
    assert alice.types("/help jion") == [
        "! There is no help about jion, did you mean /help join? /help lists the commands. [usage.invalid]"
    ]

"""The connection: offline and back, the countdown, the queue, the end."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct.events import ContactsFound
from secure_chat.client.line.console import Prompt
from secure_chat.errors import (
    AuthenticationFailed,
    ConnectionLost,
    DeviceReplaced,
    NotConnected,
    NothingAnswers,
    StoreCloned,
    TlsPinError,
    TokenUnknown,
)
from secure_chat.exit_codes import ExitCode
from tests.client.line.fake_client import OWN_NAME, SERVER
from tests.client.line.person import TEN, Person, heard, said


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def leaving(person: Person) -> ExitCode | None:
    return person.console.leaving


def connected(*rooms: str, again: bool = True) -> e.Connected:
    return e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=again, rooms=rooms)


def test_the_first_lines_say_where_one_is_and_who_can_read_it() -> None:
    assert Person().arrives("dev", "lobby", role="administrator") == [
        "* connected to team.example.org, TLS 1.3, certificate as invited",
        "* you are alice, administrator, in #dev, #lobby",
        "* rooms are kept by the server, which can read them; /help explains the commands",
    ]


def test_somebody_in_no_room_is_told_what_to_do() -> None:
    alice = Person()
    assert "* you are alice in no room: /rooms lists them, /join ROOM enters one" in alice.arrives()
    assert alice.prompt == ">"
    assert alice.types("hello") == [
        (
            "! You are in no room. /rooms lists all of them, /join ROOM enters one. "
            "Your text is back at the prompt. [room.none]"
        )
    ]
    assert alice.prompt_text.text == "hello"


def test_the_prompt_says_that_a_connection_is_being_made() -> None:
    alice = Person()
    alice.hears(e.Connecting(SERVER))
    assert alice.prompt == "(connecting) >"


# --- lines typed before there was a connection ---------------------------------------------------


def test_what_is_typed_before_there_was_a_connection_waits_and_runs_in_order() -> None:
    alice = Person()
    alice.hears(e.Connecting(SERVER))
    assert alice.types("hello") == ["* waits for the connection: hello"]
    assert alice.types("/go dev") == ["* waits for the connection: /go dev"]
    alice.types("there")
    assert alice.prompt == "(connecting, 3 lines wait) >"
    assert alice.client.asked == []
    alice.arrives("dev", "lobby")
    ticket = alice.client.asked[-1].ticket
    assert alice.client.take_asked() == [("post", "lobby", "hello", False)]
    drawn = alice.hears(e.LineAccepted(ticket, "lobby", 1, TEN), heard(said("hello", "alice", "lobby"), ticket=ticket))
    assert drawn == ["10:00 #lobby alice: hello", "* you write to #dev"]
    alice.learns_names()
    assert alice.client.take_asked() == [("post", "dev", "there", False)]


def test_what_needs_no_connection_does_not_wait_for_one() -> None:
    alice = Person()
    alice.hears(e.Connecting(SERVER))
    assert alice.types("/status")[0] == "* team.example.org: connecting"
    assert "did you mean /msg?" in alice.types("/mgs bob x")[0]
    assert alice.types("/quit") == []
    assert leaving(alice) is ExitCode.OK


def test_lines_that_waited_for_a_connection_in_vain_are_named_at_the_end() -> None:
    alice = Person()
    alice.hears(e.Connecting(SERVER))
    alice.types("hello")
    alice.types("/msg bob hi")
    alice.types("/quit")
    assert alice.hears(e.Stopped(None)) == ["! 2 lines were not looked at:", "  hello", "  /msg bob hi"]
    assert leaving(alice) is ExitCode.PARTLY_SENT


def test_a_client_that_does_not_end_in_time_names_them_too() -> None:
    alice = Person()
    alice.types("hello")
    alice.types("/quit")
    alice.console.abandoned()
    assert alice.sees() == ["! 1 line was not looked at:", "  hello"]


def test_after_a_way_that_failed_a_line_that_was_typed_too_early_goes_nowhere() -> None:
    alice = Person()
    for typed in ("/go bobb", "a secret", "another"):
        alice.types(typed)
    drawn = alice.arrives("dev", "lobby")
    assert sum(line.endswith("[room.none]") for line in drawn) == 2
    assert alice.prompt == "(nowhere) >"
    assert alice.client.take_asked() == []
    assert alice.types("/go lobby") == ["* you write to #lobby"]
    assert "[room.not_member]" in alice.types("/go bobb")[0]
    assert alice.prompt == "#lobby >"  # who sees the answer stays where the prompt says


def test_a_question_that_an_early_line_asks_is_answered_before_the_next_line_runs() -> None:
    alice = Person()
    alice.types("\n".join(["line"] * 12))
    alice.types("after")
    alice.arrives("lobby")
    assert alice.prompt == "12 lines: send as one message? y/n >"
    alice.types("n")
    alice.hears(e.Countdown(1))  # anything at all
    assert alice.client.take_asked() == [("post", "lobby", "after", False)]


def test_offline_is_said_with_its_reason_and_the_prompt_counts_down(alice: Person) -> None:
    assert alice.hears(e.Disconnected(NothingAnswers(), 4.0)) == [
        (
            "! Nothing answers at this address. Is the server running? On it: secure-chat-server status. "
            "You are offline since 10:00, trying again in 4 s. [net.refused]"
        )
    ]
    assert alice.prompt == "#lobby (offline, next try in 4 s) >"
    alice.hears(e.Countdown(3))
    assert alice.prompt == "#lobby (offline, next try in 3 s) >"
    alice.hears(e.Countdown(0), e.Connecting(SERVER))
    assert alice.prompt == "#lobby (offline) >"


def test_a_line_typed_offline_is_shown_as_waiting_and_counted(alice: Person) -> None:
    alice.hears(e.Disconnected(ConnectionLost(), 4.0))
    alice.types("hello")
    ticket = alice.client.asked[-1].ticket
    assert alice.hears(e.LineQueued(ticket, "lobby", 1)) == ["* no connection, waits to be sent: #lobby hello"]
    assert alice.prompt == "#lobby (offline, next try in 4 s, 1 line waits) >"
    assert alice.types("/status") == [
        "* team.example.org: offline since 10:00, next try in 4 s",
    ]
    assert alice.is_told("contacts", ContactsFound(())) == ["* 1 line waits to be sent:", "  #lobby hello"]
    alice.seconds = 12
    assert alice.hears(connected("dev", "lobby")) == [
        "* back: connected to team.example.org again after 12 s; 1 waiting line goes out now"
    ]
    alice.hears(e.LineAccepted(ticket, "lobby", 1, TEN))
    assert alice.prompt == "#lobby >"


def test_the_same_reason_is_said_ever_more_rarely(alice: Person) -> None:
    drawn = [alice.hears(e.Disconnected(NothingAnswers(), 4.0)) for _ in range(16)]
    assert [len(lines) for lines in drawn] == [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert drawn[1] == ["! still offline since 10:00, trying again in 4 s. [net.refused]"]


def test_two_reasons_that_take_turns_do_not_flood_the_screen(alice: Person) -> None:
    reasons = (NothingAnswers(), ConnectionLost())
    drawn = [alice.hears(e.Disconnected(reasons[attempt % 2], 0.2)) for attempt in range(64)]
    assert sum(map(len, drawn)) == 7
    alice.hears(connected("dev", "lobby"))
    assert len(alice.hears(e.Disconnected(ConnectionLost(), 4.0))) == 1


def test_what_waits_for_the_person_does_not_promise_to_try_again(alice: Person) -> None:
    (drawn,) = alice.hears(e.Disconnected(DeviceReplaced(), None))
    assert "/reconnect takes the session back" in drawn
    assert "trying again" not in drawn
    assert alice.prompt == "#lobby (offline) >"
    assert alice.types("/reconnect") == ["* trying now"]
    assert alice.asks() == ("reconnect",)


def test_reconnect_while_connected_says_so(alice: Person) -> None:
    assert alice.types("/reconnect") == ["* you are connected; /status says how things are"]
    assert alice.client.take_asked() == []


def test_a_server_that_stops_says_so(alice: Person) -> None:
    assert alice.hears(e.ServerStopping("The server is stopping.", 3.0)) == ["! The server is stopping."]
    assert alice.hears(e.Disconnected(ConnectionLost("The server closed the connection."), 3.0)) == [
        "! The server has stopped. You are offline since 10:00, trying again in 3 s. [net.lost]"
    ]
    (drawn,) = alice.hears(e.Disconnected(NothingAnswers("Nothing answers at team.example.org:7443."), 4.0))
    assert drawn.startswith("! Nothing answers at team.example.org:7443. Is the server running?")
    alice.hears(connected("dev", "lobby"))
    (drawn,) = alice.hears(e.Disconnected(ConnectionLost(), 3.0))
    assert "Is this machine online?" in drawn


def test_what_concerns_the_person_is_told(alice: Person) -> None:
    (drawn,) = alice.hears(e.Told(StoreCloned()))
    assert drawn.endswith("[store.cloned]")


def test_a_command_without_a_connection_says_what_helps(alice: Person) -> None:
    alice.types("/users")
    assert alice.hears(e.Failed(alice.client.asked[-1].ticket, NotConnected())) == [
        "! There is no connection at the moment. /reconnect tries at once, /status says how things are. [net.offline]"
    ]


# --- the passphrase ------------------------------------------------------------------------------


def test_a_passphrase_that_is_needed_is_asked_for_without_being_shown(alice: Person) -> None:
    assert alice.hears(e.PassphraseNeeded(TokenUnknown())) == ["! This session has ended. [auth.token_unknown]"]
    assert alice.console.prompt == Prompt("Passphrase of alice:", is_secret=True, is_question=True)
    assert alice.types("") == []
    assert alice.prompt == "Passphrase of alice:"
    assert alice.types("correct horse") == []
    assert alice.asks() == ("give_passphrase", "correct horse")
    assert alice.console.prompt == Prompt("#lobby >")
    assert alice.hears(e.PassphraseNeeded(AuthenticationFailed())) == [
        "! User name or passphrase is wrong. [auth.failed]"
    ]


def test_who_does_not_want_to_type_it_leaves(alice: Person) -> None:
    alice.hears(e.PassphraseNeeded(TokenUnknown()))
    alice.console.interrupted(had_text=False)
    assert leaving(alice) is ExitCode.OK


def test_without_somebody_to_ask_the_program_ends() -> None:
    pipe = Person(may_ask_secrets=False)
    pipe.hears(e.PassphraseNeeded(TokenUnknown()))
    assert leaving(pipe) is ExitCode.PERMISSION


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["/quit", "/exit", "!exit", " /QUIT "])
def test_quit_and_exit_leave(alice: Person, text: str) -> None:
    assert alice.types(text) == []
    assert leaving(alice) is ExitCode.OK


def test_quit_with_words_is_a_slip(alice: Person) -> None:
    assert alice.types("/quit smoking")[0].startswith("! /quit stands alone.")
    assert leaving(alice) is None


def test_ctrl_d_leaves(alice: Person) -> None:
    alice.console.input_ended()
    assert leaving(alice) is ExitCode.OK


def test_ctrl_c_clears_the_line_and_a_second_one_leaves(alice: Person) -> None:
    alice.console.interrupted(had_text=True)
    assert alice.sees() == []
    alice.console.interrupted(had_text=False)
    assert leaving(alice) is ExitCode.INTERRUPTED


def test_ctrl_c_on_an_empty_line_says_how_to_leave_first(alice: Person) -> None:
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* once more Ctrl-C, or /quit, to leave"]
    assert leaving(alice) is None
    alice.seconds = 60
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* once more Ctrl-C, or /quit, to leave"]
    alice.types("hello")
    alice.console.interrupted(had_text=False)
    assert leaving(alice) is None
    alice.console.interrupted(had_text=False)
    assert leaving(alice) is ExitCode.INTERRUPTED


def test_what_ends_the_client_ends_the_program_with_its_number(alice: Person) -> None:
    (drawn,) = alice.hears(e.Stopped(TlsPinError()))
    assert drawn == (
        "! This is not the server of your invite: its certificate comes from another authority. Nothing was sent. "
        "Ask your administrator by another way. [tls.pin]"
    )
    assert leaving(alice) is ExitCode.SERVER_IDENTITY


def test_lines_that_were_not_sent_are_named_at_the_end(alice: Person) -> None:
    alice.types("/quit")
    unsent = (e.UnsentLine(e.Ticket(1), "dev", "hello\x1b[2J"), e.UnsentLine(e.Ticket(2), "dev", "waves", action=True))
    assert alice.hears(e.Stopped(None, unsent)) == ["! 2 lines were not sent:", "  #dev hello", "  #dev * waves"]
    assert leaving(alice) is ExitCode.PARTLY_SENT


def test_a_client_that_does_not_end_in_time_leaves_doubt(alice: Person) -> None:
    alice.types("hello")
    alice.types("/quit")
    alice.console.abandoned()
    assert alice.sees() == ["! 1 line may not have been sent:", "  #lobby hello"]


def test_everything_is_settled_once_the_own_lines_are_heard(alice: Person) -> None:
    def settled_after(*events: e.Event) -> bool:
        alice.hears(*events)
        return alice.console.is_settled

    assert settled_after()
    alice.types("hello")
    ticket = alice.client.asked[-1].ticket
    assert not settled_after()
    assert not settled_after(e.LineAccepted(ticket, "lobby", 1, TEN))
    assert settled_after(heard(said("hello", sender="alice", room="lobby"), ticket=ticket))
    assert not settled_after(e.Disconnected(ConnectionLost(), 1.0))

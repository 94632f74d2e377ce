"""What happens beside the answer of a command is talk on standard error."""

from typing import cast

import pytest

from secure_chat.client import events as e
from secure_chat.client.core import Client
from secure_chat.client.direct.events import KeyIsContradicted, MayBeLost, NewDevice
from secure_chat.client.one_shot.account import ConnectedAccount
from secure_chat.client.one_shot.output import Output
from secure_chat.client.one_shot.text_form import time_of
from secure_chat.client.profiles import Profile
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import KeyContradicted
from tests.client.line.fake_client import FakeClient
from tests.client.line.person import TEN


def talk_about(event: e.Event, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says when this event comes."""
    client = FakeClient()
    client.events.put(event)
    account = ConnectedAccount(cast(Profile, None), cast(Vault, None), cast(Client, client), Output())
    assert account.next_event() is event
    output, errors = capsys.readouterr()
    assert output == ""
    return errors


def test_messages_that_may_be_lost_with_a_device_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    said = talk_about(MayBeLost("bob", 2, TEN), capsys)
    count = f"2 messages since {time_of(TEN)} may not have arrived"
    assert said == f"bob has a new device: {count}. See: secure-chat history @bob\n"


def test_a_device_with_which_nothing_is_lost_is_no_talk(capsys: pytest.CaptureFixture[str]) -> None:
    assert talk_about(NewDevice("bob", replaces=True), capsys) == ""


def test_lists_that_contradict_each_other_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[key.contradicted]" in talk_about(KeyIsContradicted("bob", KeyContradicted(), False, b"k" * 16), capsys)

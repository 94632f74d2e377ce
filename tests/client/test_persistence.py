"""What follows a lost or failed connection: trying again, asking, waiting to be told, or giving up."""

import pytest

from secure_chat import errors
from secure_chat.client.persistence import Next, Persistence
from secure_chat.errors import ChatError

SCREEN = Persistence()
ONE_COMMAND = Persistence(patience=60, asks=False)


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [
        (errors.NothingAnswers(), Next.AGAIN, Next.AGAIN),
        (errors.ConnectionLost(), Next.AGAIN, Next.AGAIN),
        (errors.RateLimited(), Next.AGAIN, Next.AGAIN),
        (errors.StorageFull(), Next.AGAIN, Next.AGAIN),
        (errors.SlowReader(), Next.AGAIN, Next.AGAIN),
        (errors.TlsPinError(), Next.STOP, Next.AGAIN),
        (errors.TlsTimeError(), Next.STOP, Next.AGAIN),
        (errors.LoginDerivationRefused(), Next.STOP, Next.AGAIN),
        (errors.ServerSaidNonsense(), Next.STOP, Next.AGAIN),
        (errors.TokenUnknown(), Next.ASK, Next.ASK),
        (errors.TokenReused(), Next.ASK, Next.ASK),
        (errors.AuthenticationFailed(), Next.ASK, Next.ASK),
        (errors.DeviceReplaced(), Next.WAIT, Next.WAIT),
        (errors.DeviceElsewhere(), Next.STOP, Next.WAIT),
        (errors.VaultFull(), Next.AGAIN, Next.AGAIN),
        (errors.VaultFailed(), Next.STOP, Next.WAIT),
        (errors.PassphraseChangePending(), Next.STOP, Next.WAIT),
    ],
    ids=lambda value: value.code if isinstance(value, ChatError) else value.value,
)
def test_what_a_screen_does_at_its_first_connection_and_later(error: ChatError, first: Next, later: Next) -> None:
    assert SCREEN.what_next(error, connected_before=False) is first
    assert SCREEN.what_next(error, connected_before=True) is later


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [
        (errors.NothingAnswers(), Next.STOP, Next.AGAIN),
        (errors.RateLimited(), Next.AGAIN, Next.AGAIN),
        (errors.TokenUnknown(), Next.STOP, Next.STOP),
        (errors.AuthenticationFailed(), Next.STOP, Next.STOP),
        (errors.DeviceReplaced(), Next.STOP, Next.STOP),
        (errors.TlsPinError(), Next.STOP, Next.AGAIN),
        (errors.VaultFull(), Next.STOP, Next.AGAIN),
    ],
    ids=lambda value: value.code if isinstance(value, ChatError) else value.value,
)
def test_what_one_command_does(error: ChatError, first: Next, later: Next) -> None:
    assert ONE_COMMAND.what_next(error, connected_before=False) is first
    assert ONE_COMMAND.what_next(error, connected_before=True) is later


def test_patience_ends_and_a_screens_does_not() -> None:
    assert not ONE_COMMAND.is_used_up(60)
    assert ONE_COMMAND.is_used_up(61)
    assert not SCREEN.is_used_up(1e9)

"""How often an address may try, whatever the name."""

import pytest

from secure_chat import limits
from secure_chat.errors import AuthenticationFailed, RateLimited
from secure_chat.server import login_limits
from secure_chat.server.login_limits import LoginLimits, address_network, address_prefix
from secure_chat.server.settings.model import LoginRules, Rates

RATES = Rates(logins_per_minute=60, logins_burst=3, registrations_per_hour=60, registrations_burst=2)


def rules(tries: int = 5, pause_seconds: float = 60.0) -> LoginLimits:
    return LoginLimits(LoginRules(tries=tries, pause_seconds=pause_seconds), RATES)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_address_stands_for_itself_or_its_64(address: str, prefix: str) -> None:
    assert address_prefix(address) == prefix


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.0.0.5", "10.0.0.5"), ("::ffff:10.0.0.5", "10.0.0.5"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48")],
)
def test_one_subscriber_may_have_a_whole_48(address: str, network: str) -> None:
    assert address_network(address) == network


def test_a_burst_of_logins_passes_then_one_a_second() -> None:
    limits_ = rules()
    for _ in range(3):
        limits_.admit_login("2001:db8::1", 0)
    with pytest.raises(RateLimited) as caught:
        limits_.admit_login("2001:db8::2", 0.5)  # another address of the same network
    assert caught.value.retry_after == pytest.approx(0.5)
    limits_.admit_login("2001:db8::3", 1.0)
    limits_.admit_login("2001:db8:0:1::1", 0.5)  # another network


def test_registrations_are_counted_apart_from_logins() -> None:
    limits_ = rules()
    for _ in range(2):
        limits_.admit_registration("10.0.0.1", 0)
    with pytest.raises(RateLimited) as caught:
        limits_.admit_registration("10.0.0.1", 0)
    assert caught.value.retry_after == pytest.approx(60)
    limits_.admit_login("10.0.0.1", 0)


def test_wrong_passphrases_count_down_to_a_pause_and_begin_anew_after_it() -> None:
    limits_ = rules(tries=3, pause_seconds=60)
    sentences = [limits_.failed("10.0.0.1", "alice", now).sentence for now in (0.0, 1.0, 2.0)]
    assert sentences == [
        "User name or passphrase is wrong. 2 tries left before a 60 s pause.",
        "User name or passphrase is wrong. 1 try left before a 60 s pause.",
        "User name or passphrase is wrong. No more tries for 60 s.",
    ]
    with pytest.raises(RateLimited) as caught:
        limits_.check_pause("10.0.0.1", "alice", 12.0)
    assert caught.value.retry_after == pytest.approx(50)
    limits_.check_pause("10.0.0.1", "alice", 62.0)
    assert "2 tries left" in limits_.failed("10.0.0.1", "alice", 63.0).sentence


def test_the_first_sentence_is_the_one_that_was_promised() -> None:
    error = rules().failed("10.0.0.1", "alice", 0.0)
    assert isinstance(error, AuthenticationFailed)
    assert error.sentence == "User name or passphrase is wrong. 4 tries left before a 60 s pause."


def test_nobody_can_lock_out_somebody_elses_name() -> None:
    limits_ = rules(tries=1)
    limits_.failed("10.0.0.1", "alice", 0.0)
    limits_.check_pause("10.0.0.2", "alice", 0.0)
    limits_.check_pause("10.0.0.1", "bob", 0.0)


def test_a_right_passphrase_and_an_hour_forgive() -> None:
    limits_ = rules(tries=3)
    limits_.failed("10.0.0.1", "alice", 0.0)
    limits_.succeeded("10.0.0.1", "alice")
    assert "2 tries left" in limits_.failed("10.0.0.1", "alice", 1.0).sentence
    later = 1.0 + limits.FAILED_LOGIN_MEMORY_SECONDS
    assert "2 tries left" in limits_.failed("10.0.0.1", "alice", later).sentence


def test_the_tables_do_not_grow_past_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_limits, "MAX_LIMITED_ADDRESSES", 100)
    limits_ = rules(tries=3)
    for number in range(250):
        limits_.admit_login(f"10.0.{number // 250}.{number}", 0.0)
        limits_.failed("10.0.0.1", f"name{number}", 0.0)
    assert limits_.sizes() == (100, 0, 100)
    assert "2 tries left" in limits_.failed("10.0.0.1", "name0", 0.0).sentence  # it went first
    assert "1 try left" in limits_.failed("10.0.0.1", "name249", 0.0).sentence


def test_new_rules_hold_at_once_and_counts_stay() -> None:
    limits_ = rules(tries=5)
    limits_.failed("10.0.0.1", "alice", 0.0)
    limits_.configure(LoginRules(tries=3, pause_seconds=10), RATES)
    assert "1 try left before a 10 s pause" in limits_.failed("10.0.0.1", "alice", 0.0).sentence

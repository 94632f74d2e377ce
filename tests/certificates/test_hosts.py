"""A host has one form, the same in a link, a certificate and a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.certificates.hosts import canonical_host, host_and_port, is_address
from secure_chat.errors import HostInvalid
from secure_chat.limits import MAX_HOST_CHARACTERS


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("localhost", "localhost"),
        ("Team.Example.ORG", "team.example.org"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("3com.example", "3com.example"),
        ("10.0.0.5", "10.0.0.5"),
        ("2001:0DB8:0:0::5", "2001:db8::5"),
        ("::1", "::1"),
    ],
)
def test_a_host_gets_its_one_form(written: str, canonical: str) -> None:
    assert canonical_host(written) == canonical


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ".",
        "team.",
        ".org",
        "a..b",
        "-a.example",
        "a-.example",
        "a_b",
        "*.example.org",
        "a b",
        "team.example.org:7443",
        "[::1]",
        "fe80::1%eth0",
        "::ffff:10.0.0.5",
        "10.0.0.05",
        "10.0.0.256",
        "10.0.0",
        "127.1",
        "team.7",
        "bücher.example",
        "localhost\n",
        "localhost\x00",
        "１０.0.0.5",
        "a" * 64,
    ],
)
def test_what_is_no_host_is_refused(wrong: str) -> None:
    with pytest.raises(HostInvalid):
        canonical_host(wrong)


def test_a_name_has_at_most_as_many_characters_as_the_limit() -> None:
    labels = ".".join(["a" * 63] * 3)
    longest = f"{labels}.{'b' * (MAX_HOST_CHARACTERS - len(labels) - 1)}"
    assert canonical_host(longest) == longest
    with pytest.raises(HostInvalid):
        canonical_host(longest + "b")


@given(st.one_of(st.text(), st.ip_addresses().map(str), st.from_regex(r"\A[a-z0-9.:-]{1,40}\Z")))
def test_the_one_form_of_a_host_is_its_own_one_form(text: str) -> None:
    try:
        host = canonical_host(text)
    except HostInvalid:
        return
    assert canonical_host(host) == host
    assert host.isascii()
    assert not set(host) & set("/\\ \n\x00%[]*")


def test_an_ipv6_address_stands_in_brackets_before_a_port() -> None:
    assert host_and_port("::1", 7443) == "[::1]:7443"
    assert host_and_port("10.0.0.5", 7443) == "10.0.0.5:7443"
    assert host_and_port("team.example.org", 7443) == "team.example.org:7443"


def test_addresses_are_told_from_names() -> None:
    assert is_address("::1")
    assert is_address("10.0.0.5")
    assert not is_address("localhost")

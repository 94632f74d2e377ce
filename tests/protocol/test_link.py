"""A link has one reading, says nothing of its secrets when it is refused, and comes back as it was written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.certificates.pins import authority_name, authority_pin, authority_spki, format_pin, log_pin, server_id
from secure_chat.errors import ChatError, LinkInvalid, LinkTooNew
from secure_chat.limits import DEFAULT_PORT, INVITE_SECRET_BYTES, INVITE_TOKEN_BYTES, MAX_LINK_CHARACTERS
from secure_chat.protocol.link import InviterPart, Link, parse_link

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/protocol/link.json").read_text("utf-8"))
AUTHORITY = bytes.fromhex(VECTORS["authority"]["point"])
LONGEST_HOST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])

links = st.builds(
    Link,
    host=st.one_of(
        st.sampled_from(["localhost", "team.example.org", "xn--bcher-kva.example", LONGEST_HOST]),
        st.ip_addresses().map(str).filter(lambda text: not text.startswith("::ffff:")),
    ),
    port=st.integers(1, 65535),
    authority=st.just(AUTHORITY),
    log_pin=st.binary(min_size=16, max_size=16),
    token=st.binary(min_size=16, max_size=16),
    inviter=st.none()
    | st.builds(InviterPart, pin=st.binary(min_size=16, max_size=16), secret=st.binary(min_size=16, max_size=16)),
)


def cases(kind: str) -> Any:
    return [pytest.param(case, id=case["what"]) for case in VECTORS[kind]]


def link_of(parts: dict[str, Any]) -> Link:
    inviter = InviterPart(bytes.fromhex(parts["inviter_pin"]), bytes.fromhex(parts["secret"]))
    return Link(
        parts["host"],
        parts["port"],
        bytes.fromhex(parts["authority"]),
        bytes.fromhex(parts["log_pin"]),
        bytes.fromhex(parts["token"]),
        inviter if parts["inviter_pin"] else None,
    )


@pytest.mark.parametrize("case", cases("links"))
def test_a_link_of_the_vectors_is_read_and_written_as_it_stands(case: dict[str, Any]) -> None:
    assert parse_link(case["text"]) == link_of(case["link"])
    assert link_of(case["link"]).format() == case["text"]


@pytest.mark.parametrize("case", cases("other_spellings"))
def test_another_spelling_of_the_address_is_the_same_link(case: dict[str, Any]) -> None:
    assert parse_link(case["text"]).format() == case["means"]


@pytest.mark.parametrize("case", cases("refused"))
@pytest.mark.negative(43)
def test_a_link_of_the_negative_vectors_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(LinkInvalid):
        parse_link(case["text"])


@pytest.mark.parametrize("case", cases("newer"))
def test_a_link_of_a_later_version_asks_for_a_newer_program(case: dict[str, Any]) -> None:
    with pytest.raises(LinkTooNew, match="this secure-chat reads version 1") as refusal:
        parse_link(case["text"])
    assert "newest secure-chat" in refusal.value.next_step


def test_the_pins_of_the_vectors_are_those_that_people_compare() -> None:
    authority, log = VECTORS["authority"], VECTORS["log"]
    assert authority_spki(AUTHORITY).hex() == authority["spki"]
    assert format_pin(authority_pin(AUTHORITY)) == authority["pin"]
    assert authority_name(AUTHORITY) == authority["common_name"]
    assert server_id(AUTHORITY).hex() == authority["server_id"]
    assert log_pin(bytes.fromhex(log["public_key"])).hex() == log["pin"]
    assert format_pin(bytes.fromhex(log["pin"])) == log["shown"]


@given(links)
def test_every_link_comes_back_from_its_one_line(link: Link) -> None:
    assert parse_link(link.format()) == link
    assert len(link.format()) <= MAX_LINK_CHARACTERS


def test_the_longest_link_fits_the_limit_and_one_character_more_than_the_limit_is_refused() -> None:
    inviter = InviterPart(bytes(16), bytes(INVITE_SECRET_BYTES))
    longest = Link(LONGEST_HOST, 65535, AUTHORITY, bytes(16), bytes(INVITE_TOKEN_BYTES), inviter)
    assert parse_link(longest.format()) == longest
    with pytest.raises(LinkInvalid, match=str(MAX_LINK_CHARACTERS)):
        parse_link("secure-chat://".ljust(MAX_LINK_CHARACTERS + 1, "a"))


@given(links, st.data())
@pytest.mark.negative(43)
def test_no_two_lines_with_one_address_are_the_same_link(link: Link, data: st.DataObject) -> None:
    line = link.format()
    start = line.index("#") + 1
    place = data.draw(st.integers(start, len(line) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda drawn: drawn != line[place]))
    altered = line[:place] + character + line[place + 1 :]
    try:
        read = parse_link(altered)
    except (LinkInvalid, LinkTooNew):
        return
    assert read != link or altered.rstrip() == line
    assert read.format() == altered.strip()


@given(
    st.one_of(
        st.text(), st.text().map(lambda text: f"secure-chat://{text}"), st.text().map("secure-chat://h/j#1.".__add__)
    )
)
def test_whatever_is_pasted_only_the_errors_of_links_come_out(text: str) -> None:
    with pytest.raises((LinkInvalid, LinkTooNew)):
        parse_link(text)


@given(links.filter(lambda link: link.inviter is not None), st.data())
def test_a_refusal_never_repeats_the_token_or_the_secret(link: Link, data: st.DataObject) -> None:
    line = link.format()
    *_, token, _, secret = line.split(".")
    cut = data.draw(st.integers(0, len(line) - 1))
    inserted = data.draw(st.sampled_from(["", " ", "=", "!", ".", "\n", "\x1b[31m"]))
    try:
        parse_link(line[:cut] + inserted + line[cut + 1 :])
    except ChatError as error:
        told = f"{error!r} {error} {error.next_step}"
        assert token not in told
        assert secret not in told


def test_a_link_does_not_show_its_secrets_in_repr() -> None:
    token, secret = b"0123456789abcdef", b"fedcba9876543210"
    shown = repr(Link("localhost", 7443, AUTHORITY, bytes(16), token, InviterPart(bytes(16), secret)))
    assert "0123456789abcdef" not in shown
    assert "fedcba9876543210" not in shown


GOOD = Link("localhost", DEFAULT_PORT, AUTHORITY, bytes(16), bytes(16), InviterPart(bytes(16), bytes(16)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(GOOD, host="Localhost"),
        lambda: replace(GOOD, host="2001:0db8::1"),
        lambda: replace(GOOD, host="a b"),
        lambda: replace(GOOD, port=0),
        lambda: replace(GOOD, port=65536),
        lambda: replace(GOOD, authority=AUTHORITY[:-1]),
        lambda: replace(GOOD, authority=bytes(33)),
        lambda: replace(GOOD, log_pin=bytes(15)),
        lambda: replace(GOOD, token=bytes(15)),
        lambda: replace(GOOD, token=b""),
        lambda: replace(GOOD, inviter=InviterPart(bytes(15), bytes(16))),
        lambda: replace(GOOD, inviter=InviterPart(bytes(16), bytes(17))),
    ],
)
def test_a_link_that_could_not_be_read_again_cannot_be_made(make: Callable[[], Link]) -> None:
    with pytest.raises(LinkInvalid):
        make()


def test_the_address_alone_invites_nobody() -> None:
    link = Link("localhost", 7443, AUTHORITY, bytes(16), bytes(16), InviterPart(bytes(16), bytes(16)))
    address = link.address_only()
    assert (address.token, address.inviter) == (b"", None)
    assert address.format().endswith(".")
    assert parse_link(address.format()) == address


@given(links, st.data())
def test_a_point_at_the_end_that_was_taken_for_a_full_stop_is_not_missed(link: Link, data: st.DataObject) -> None:
    address = link.address_only()
    line = address.format().removesuffix(".")
    assert parse_link(line) == address
    altered = replace(address, log_pin=data.draw(st.binary(min_size=16, max_size=16).filter(address.log_pin.__ne__)))
    assert parse_link(altered.format().removesuffix(".")) != address
    with pytest.raises(LinkInvalid):
        parse_link(line[:-1])

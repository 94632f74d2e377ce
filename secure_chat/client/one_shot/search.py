"""`secure-chat search`: messages with all these words, newest first, in rooms and in the vault's conversations."""

import heapq
from collections.abc import Iterator

from secure_chat.client.direct.events import DirectMessage, DirectsFound
from secure_chat.client.events import MessagesFound
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.directs import print_row
from secure_chat.client.one_shot.pages import count_of
from secure_chat.client.one_shot.records import record_of
from secure_chat.client.one_shot.targets import Room, Someone, check_person, explained
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.client.search_terms import SearchTerms, is_from, parse_search_terms
from secure_chat.errors import ChatError
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.events import Message


def run(surroundings: Surroundings) -> int:
    """Print what is found, page after page, until there is enough."""
    terms = parse_search_terms(" ".join(surroundings.arguments.words))
    left = count_of(surroundings.arguments.count)
    with surroundings.account() as account:
        for message in _found(account, terms):
            if left == 0:
                break
            left = None if left is None else left - 1
            if isinstance(message, DirectMessage):
                print_row(surroundings.output, message, account.own_name)
            else:
                surroundings.output.data(record_of(message, account.own_name), line_of(message))
    return ExitCode.OK


def _found(account: ConnectedAccount, terms: SearchTerms) -> Iterator[Message | DirectMessage]:
    sources: list[Iterator[Message | DirectMessage]] = []
    if not terms.in_conversations:
        sources.append(_in_rooms(account, terms))
    if not terms.room:
        sources.append(_in_conversations(account, terms))
    return heapq.merge(*sources, key=lambda message: -message.time)


def _in_rooms(account: ConnectedAccount, terms: SearchTerms) -> Iterator[Message | DirectMessage]:
    before = 0
    while True:
        ticket = account.client.search(terms.words, terms.room, terms.sender, terms.since, before)
        try:
            found = account.answer(ticket, MessagesFound)
        except ChatError as error:
            where = Room(terms.room) if terms.room else Someone(terms.sender)
            raise explained(account, where, error) from error
        yield from found.messages
        before = found.next
        if not before:
            return


def _in_conversations(account: ConnectedAccount, terms: SearchTerms) -> Iterator[Message | DirectMessage]:
    account.take_mail()
    if terms.peer:
        check_person(account, terms.peer)
    before, peer = 0, terms.peer_for(account.own_name)
    while True:
        ticket = account.client.search_conversations(terms.words, peer, terms.since, before)
        found = account.answer(ticket, DirectsFound)
        yield from (message for message in found.messages if is_from(message, terms.sender, account.own_name))
        before = found.next
        if not before:
            return

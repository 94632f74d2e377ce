"""`secure-chat search`: messages with all these words, newest first."""

from secure_chat.client.events import MessagesFound
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.pages import count_of
from secure_chat.client.one_shot.records import record_of
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.client.search_terms import parse_search_terms
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """Print what is found, page after page, until there is enough."""
    terms = parse_search_terms(" ".join(surroundings.arguments.words))
    left = count_of(surroundings.arguments.count)
    before = 0
    with surroundings.account() as account:
        while True:
            ticket = account.client.search(terms.words, terms.room, terms.sender, terms.since, before)
            found = account.answer(ticket, MessagesFound)
            for message in found.messages[:left]:
                surroundings.output.data(record_of(message), line_of(message))
            left = None if left is None else left - len(found.messages)
            before = found.next
            if not before or (left is not None and left <= 0):
                return ExitCode.OK

"""Commands about people's keys: `/verify`, `/fingerprint`, `/trust`, `/discard`, `/session`."""

from collections.abc import Callable
from typing import Final

from secure_chat.client.direct.events import SafetyNumber, Trust
from secure_chat.client.events import Answer
from secure_chat.client.line.arguments import misused, without_option
from secure_chat.client.line.commands.talking import somebody
from secure_chat.client.line.context import Context
from secure_chat.client.line.direct_lines import TRUST_WORDS
from secure_chat.client.line.lines import Line, Piece, Style, detail
from secure_chat.client.line.places import Conversation
from secure_chat.client.line.qr_code import qr_lines
from secure_chat.client.line.questions import Question
from secure_chat.client.line.registry import Completes, Group, SlashCommand
from secure_chat.client.line.suggestions import explained
from secure_chat.errors import ChatError, KeyNotChanged
from secure_chat.sanitize import one_line

ALL: Final = "all"  # no name that a person may have
_GROUP: Final = 5  # digits that one person reads and the other follows
_GROUPS_IN_ROW: Final = 4

# --- comparing -----------------------------------------------------------------------------------


def verify(context: Context, argument: str) -> None:
    """Show the number of both, if it is wanted with its code, and ask whether it is the same at the other's."""
    words, wants_code = without_option(argument, "--qr")
    name = _whom(context, " ".join(words), "verify")

    def shown(number: SafetyNumber) -> None:
        peer = one_line(number.peer)
        context.say(
            f"compare this with what {peer} sees after /verify {one_line(context.own_name)}, face to face or by voice:"
        )
        context.show(*number_lines(number.digits), *(_code_lines(context, number) if wants_code else ()))
        if number.state is Trust.VERIFIED:
            context.say(_named(number.peer), " is verified already")
            return
        _ask_whether_equal(context, number)

    _compare(context, name, shown)


def _code_lines(context: Context, number: SafetyNumber) -> list[Line]:
    """The same number for a camera, or why it is not drawn."""
    code = qr_lines(number.qr, context.columns())
    if not code:
        return [detail("the code for a camera is not drawn: there is no terminal here that is wide enough")]
    return [detail(f"for a program with a camera; {one_line(number.peer)}'s code looks different:"), *code]


def _ask_whether_equal(context: Context, number: SafetyNumber) -> None:
    peer = one_line(number.peer)

    def answered(text: str) -> None:
        if text.strip().lower() not in ("y", "yes"):
            left()
            return
        # What follows from it is told when it has happened, as after an invite.
        ticket = context.client.mark_verified(number.peer, number.digits)
        context.expect(ticket, lambda _answer: None, lambda error: _not_done(context, number.peer, error))

    def left() -> None:
        if number.state is Trust.CHANGED:
            context.say(f"the new key of {peer} stays unaccepted; /verify {peer} asks again")
        else:
            context.say(_named(number.peer), f" stays {TRUST_WORDS[number.state]}; /verify {peer} asks again")

    prompt = f"Are all {len(_groups(number.digits))} groups the same at {peer}'s? yes, or Enter for not now >"
    context.ask(Question(prompt, answered, left))


def fingerprint(context: Context, argument: str) -> None:
    """Show the number, and ask nothing."""
    name = _whom(context, argument, "fingerprint")

    def shown(number: SafetyNumber) -> None:
        context.say("you and ", _named(number.peer), f", {TRUST_WORDS[number.state]}:")
        context.show(*number_lines(number.digits))

    _compare(context, name, shown)


def _compare(context: Context, name: str, shown: Callable[[SafetyNumber], None]) -> None:
    def answered(answer: Answer) -> None:
        if isinstance(answer, SafetyNumber):
            conversation = context.conversation(answer.peer)
            conversation.state, conversation.fingerprint = answer.state, answer.fingerprint
            shown(answer)

    context.expect(context.client.compare(name), answered, lambda error: _not_done(context, name, error))


def number_lines(digits: str) -> list[Line]:
    """A safety number in groups that two people can read to each other."""
    groups = _groups(digits)
    rows = range(0, len(groups), _GROUPS_IN_ROW)
    return [detail(" ".join(groups[row : row + _GROUPS_IN_ROW])) for row in rows]


def _groups(digits: str) -> list[str]:
    bare = "".join(digits.split())
    return [bare[start : start + _GROUP] for start in range(0, len(bare), _GROUP)]


# --- a key that has changed ----------------------------------------------------------------------


def trust(context: Context, argument: str) -> None:
    """Accept the new key that was shown; what is held is sent."""
    name = _whom(context, argument, "trust")
    conversation = context.places.with_peer(name)
    if conversation is None or conversation.state is not Trust.CHANGED or not conversation.fingerprint:
        # Accepting means the key shown: one of which nothing was said here yet cannot be meant.
        raise KeyNotChanged(f"No new key of {one_line(name)} was shown here. Nothing was accepted.")
    if not conversation.was_verified:
        _accept(context, name)
        return
    peer = one_line(name)

    def answered(text: str) -> None:
        if text.strip() == name:
            _accept(context, name)
        else:
            left()

    def left() -> None:
        context.say("nothing was accepted; messages to ", _named(name), " stay held")

    context.say("you had compared numbers with ", _named(name), f"; /verify {peer} compares them anew")
    goal = "go on" if conversation.is_contradicted else "accept the new key"
    context.ask(Question(f"To {goal} without that, type {peer} >", answered, left))


def _accept(context: Context, name: str) -> None:
    def done(_answer: Answer) -> None:
        accepted = context.conversation(name)
        if accepted.is_contradicted:
            accepted.state = Trust.VERIFIED if accepted.was_verified else Trust.UNVERIFIED
            context.say(
                "the list of devices that is shown now of ", _named(name), " counts; what was held goes out now"
            )
        else:
            accepted.state = Trust.UNVERIFIED
            context.say("the new key of ", _named(name), " is accepted; what was held goes out now")
        accepted.was_verified = accepted.is_contradicted = False

    def failed(error: ChatError) -> None:
        if isinstance(error, KeyNotChanged):  # the key that is known is shown again
            known = context.conversation(name)
            known.state = Trust.VERIFIED if known.was_verified else Trust.UNVERIFIED
        _not_done(context, name, error)

    context.expect(context.client.trust(name, context.conversation(name).fingerprint), done, failed)


def discard(context: Context, argument: str) -> None:
    """Drop what is held for somebody, or, typed in a room, for everybody."""
    if not argument.strip() and not isinstance(context.places.current, Conversation):
        _drop(context, "", "everybody")
        return
    name = _whom(context, argument, "discard")
    _drop(context, name, one_line(name))


def _drop(context: Context, user: str, shown: str) -> None:
    def done(_answer: Answer) -> None:
        context.say(f"what was held for {shown} is dropped; nothing of it was sent")

    context.expect(context.client.discard(user), done, lambda error: _not_done(context, user, error))


# --- sessions ------------------------------------------------------------------------------------


def session(context: Context, argument: str) -> None:
    """Begin the encryption with somebody anew, or with everybody."""
    words = argument.split()
    if len(words) != 2 or words[0].lower() != "reset":
        misused("session", "One thing can be done with it: /session reset USER, or /session reset all.")
    if words[1].lower() != ALL:
        name = somebody(context, words[1])
        _reset(context, name, f"with {one_line(name)}")
        return

    def answered(text: str) -> None:
        if text.strip().lower() in ("y", "yes"):
            _reset(context, ALL, "with everybody")
        else:
            left()

    def left() -> None:
        context.say("all sessions stay as they are")

    if context.prompt_text.can_be_set:
        context.ask(Question("Begin anew with everybody? Some messages under way may be lost. y/n >", answered, left))
    else:
        _reset(context, ALL, "with everybody")


def _reset(context: Context, user: str, with_whom: str) -> None:
    def done(_answer: Answer) -> None:
        context.say(f"the next message begins a new session {with_whom}; keys and trust stay as they are")

    context.expect(context.client.reset_session(user), done, lambda error: _not_done(context, user, error))


# --- all of them ---------------------------------------------------------------------------------


def _whom(context: Context, argument: str, name: str) -> str:
    """The person who is named, or the one to whom lines go here."""
    words = argument.split()
    if len(words) > 1:
        misused(name, "One person at a time.")
    if words:
        return somebody(context, words[0])
    here = context.places.current
    if not isinstance(here, Conversation):
        misused(name, "Whose key? In a room there are several people.")
    return here.peer


def _not_done(context: Context, user: str, error: ChatError) -> None:
    context.tell(explained(context, error, person=user))


def _named(peer: str) -> Piece:
    return Piece(one_line(peer), Style.NAME)


COMMANDS: Final = (
    SlashCommand(
        "verify",
        "[USER] [--qr]",
        "compare keys with somebody: a number that must be the same for both",
        Group.KEYS,
        verify,
        details=(
            "Read the number to each other, face to face or by voice. If one group differs, somebody is in between.",
            "Nothing is marked before you say yes. Once verified, only a changed key asks again.",
            "With --qr the number is drawn as a code as well, for a program with a camera; this one has none.",
        ),
        examples=("/verify bob", "/verify bob --qr"),
        completes=(Completes.PERSON,),
        options=("--qr",),
    ),
    SlashCommand(
        "fingerprint",
        "[USER]",
        "show that number and ask nothing",
        Group.KEYS,
        fingerprint,
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "trust",
        "[USER]",
        "accept somebody's new key, and send what is held",
        Group.KEYS,
        trust,
        details=(
            "It accepts the key that you were told of; if it has changed once more, nothing is accepted.",
            "Ask the person by another way first, or compare: /verify USER.",
        ),
        examples=("/trust dave",),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "discard",
        "[USER]",
        "drop the messages that are held for somebody",
        Group.KEYS,
        discard,
        details=("They were not sent, and are not sent any more.",),
        examples=("/discard dave",),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "session",
        "reset USER|all",
        "begin the encryption anew, when messages cannot be read",
        Group.KEYS,
        session,
        details=("Keys, trust and what was said stay; messages under way may have to be sent again.",),
        examples=("/session reset bob", "/session reset all"),
        completes=(Completes.SESSION, Completes.PERSON),
        options=("reset",),
    ),
)

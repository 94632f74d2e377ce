"""`secure-chat send`: messages into rooms and to people, each on the server's disk before the command ends."""

import sys

from secure_chat.client.direct.events import DirectAccepted, DirectDelayed, DirectHeld, DirectRefused
from secure_chat.client.events import Event, LineAccepted, LineRefused
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.records import AcceptedRecord, RefusedRecord, SentRecord
from secure_chat.client.one_shot.targets import Room, Someone, Target, explained, target
from secure_chat.client.one_shot.text_form import explain
from secure_chat.client.ticket import Ticket
from secure_chat.errors import ChatError, MessageEmpty, MessageTooLong, NetworkFailed, UsageInvalid
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.limits import COMMAND_PATIENCE_SECONDS, MAX_SEND_INPUT_BYTES, MAX_TEXT_BYTES
from secure_chat.sanitize import one_line, sanitize

_STANDARD_INPUT = "-"


def run(surroundings: Surroundings) -> int:
    """Send every message to every target, in order."""
    targets = [target(text) for text in surroundings.arguments.to]
    _check_action(surroundings, targets)
    texts = _texts(surroundings)
    with surroundings.account() as account:
        sent, refused = 0, None
        for where in targets:
            for text in texts:
                error = _send(surroundings, account, where, text)
                sent, refused = (sent + 1, refused) if error is None else (sent, error)
    if refused is None:
        return ExitCode.OK
    return ExitCode.PARTLY_SENT if sent else exit_code_of(refused)


def _check_action(surroundings: Surroundings, targets: list[Target]) -> None:
    if surroundings.arguments.action and any(isinstance(where, Someone) for where in targets):
        raise UsageInvalid(
            "--action is for rooms. Nothing was sent.", hint="secure-chat send -t '#room' --action -m waves"
        )


def _texts(surroundings: Surroundings) -> list[str]:
    arguments = surroundings.arguments
    given = arguments.message
    if given is not None and given != _STANDARD_INPUT:
        if arguments.lines:
            raise UsageInvalid("--lines is for standard input.", hint="secure-chat send -t '#room' --lines < FILE")
        texts = [given]
    else:
        texts = _from_standard_input(arguments.lines)
    for text in texts:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_TEXT_BYTES:
            raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TEXT_BYTES:,}. Nothing was sent.")
    return texts


def _from_standard_input(lines: bool) -> list[str]:
    data = sys.stdin.buffer.read(MAX_SEND_INPUT_BYTES + 1)
    if len(data) > MAX_SEND_INPUT_BYTES:
        raise MessageTooLong(f"Standard input has more than {MAX_SEND_INPUT_BYTES:,} bytes. Nothing was sent.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageInvalid("Standard input is not UTF-8. Nothing was sent.") from error
    texts = [line for line in text.splitlines() if line.strip()] if lines else [text.rstrip("\r\n")]
    if not any(text.strip() for text in texts):
        raise MessageEmpty("Standard input is empty. Nothing was sent.")
    return texts


def _send(surroundings: Surroundings, account: ConnectedAccount, where: Target, text: str) -> ChatError | None:
    if isinstance(where, Room):
        return _send_to_room(surroundings, account, where, text)
    return _send_to_person(surroundings, account, where, text)


# --- to a room -----------------------------------------------------------------------------------


def _send_to_room(surroundings: Surroundings, account: ConnectedAccount, room: Room, text: str) -> ChatError | None:
    ticket = account.client.post(room.name, text, action=surroundings.arguments.action)
    event = account.find(lambda event: isinstance(event, LineAccepted | LineRefused) and event.ticket == ticket)
    if isinstance(event, LineRefused):
        return _tell_refusal(surroundings, room, explained(account, room, event.error))
    if isinstance(event, LineAccepted):
        changed = None if event.changed is None else sanitize(event.changed)
        record = AcceptedRecord(room=room.name, number=event.number, time=event.time, changed=changed)
        if surroundings.arguments.json:
            surroundings.output.data(record, "")
        if changed is not None:
            surroundings.output.say(f"The text was changed, it is kept as: {changed} [text.changed]")
    return None


# --- to a person ---------------------------------------------------------------------------------


def _send_to_person(
    surroundings: Surroundings, account: ConnectedAccount, peer: Someone, text: str
) -> ChatError | None:
    ticket = account.client.message(peer.name, text)
    try:
        event = account.find(lambda event: _is_settled(event, ticket))
    except NetworkFailed:
        surroundings.output.say(
            f"The message to {one_line(peer.name)} is kept in the vault and goes at the next start."
        )
        raise
    match event:
        case DirectAccepted():
            if surroundings.arguments.json:
                record = SentRecord(peer=one_line(event.peer), row=event.row, time=event.time)
                surroundings.output.data(record, "")
            return None
        case DirectHeld() | DirectDelayed():
            return _tell_refusal(surroundings, peer, event.error, kept=True)
        case DirectRefused():
            return _tell_refusal(surroundings, peer, explained(account, peer, event.error))
    return None


def _is_settled(event: Event, ticket: Ticket) -> bool:
    if isinstance(event, DirectDelayed):
        return event.ticket == ticket and event.seconds > COMMAND_PATIENCE_SECONDS
    return isinstance(event, DirectAccepted | DirectHeld | DirectRefused) and event.ticket == ticket


def _tell_refusal(surroundings: Surroundings, where: Target, error: ChatError, *, kept: bool = False) -> ChatError:
    if surroundings.arguments.json:
        room, peer = (where.name, "") if isinstance(where, Room) else ("", one_line(where.name))
        record = RefusedRecord(room=room, peer=peer, code=error.code, sentence=one_line(error.sentence), kept=kept)
        surroundings.output.data(record, "")
    print(explain(error), file=sys.stderr, flush=True)
    return error

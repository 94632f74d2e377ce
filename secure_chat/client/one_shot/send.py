"""`secure-chat send`: messages into rooms, each on the server's disk before the command ends."""

import sys

from secure_chat.client.events import LineAccepted, LineRefused
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.records import AcceptedRecord, RefusedRecord
from secure_chat.client.one_shot.text_form import explain
from secure_chat.errors import ChatError, MessageEmpty, MessageTooLong, NotMember, RecipientUnsupported, UsageInvalid
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.limits import MAX_SEND_INPUT_BYTES, MAX_TEXT_BYTES
from secure_chat.names import room_name
from secure_chat.sanitize import one_line, sanitize

_STANDARD_INPUT = "-"


def run(surroundings: Surroundings) -> int:
    """Send every message to every room, in order."""
    rooms = [_room(target) for target in surroundings.arguments.to]
    texts = _texts(surroundings)
    with surroundings.account() as account:
        sent, refused = 0, None
        for room in rooms:
            for text in texts:
                error = _send(surroundings, account, room, text)
                sent, refused = (sent + 1, refused) if error is None else (sent, error)
    if refused is None:
        return ExitCode.OK
    return ExitCode.PARTLY_SENT if sent else exit_code_of(refused)


def _room(target: str) -> str:
    if not target.startswith("#"):
        shown = one_line(target)
        raise RecipientUnsupported(f"{shown} is no room: rooms are named as in #lobby. Messages to people come later.")
    return room_name(target)


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


def _send(surroundings: Surroundings, account: ConnectedAccount, room: str, text: str) -> ChatError | None:
    ticket = account.client.post(room, text, action=surroundings.arguments.action)
    event = account.find(lambda event: isinstance(event, LineAccepted | LineRefused) and event.ticket == ticket)
    if isinstance(event, LineRefused):
        error = event.error
        if isinstance(error, NotMember):
            error = NotMember(
                f"You are not a member of #{room}. Nothing was sent.", hint=f"in secure-chat: /join {room}"
            )
        record = RefusedRecord(room=room, code=error.code, sentence=one_line(error.sentence))
        if surroundings.arguments.json:
            surroundings.output.data(record, "")
        print(explain(error), file=sys.stderr, flush=True)
        return error
    if isinstance(event, LineAccepted):
        changed = None if event.changed is None else sanitize(event.changed)
        record_of_it = AcceptedRecord(room=room, number=event.number, time=event.time, changed=changed)
        if surroundings.arguments.json:
            surroundings.output.data(record_of_it, "")
        if changed is not None:
            surroundings.output.say(f"The text was changed, it is kept as: {changed} [text.changed]")
    return None

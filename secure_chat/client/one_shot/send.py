"""`secure-chat send`: messages into rooms and to people, each on the server's disk before the command ends."""

import sys
from dataclasses import dataclass, field

from secure_chat.client.direct.events import DirectAccepted, DirectDelayed, DirectHeld, DirectRefused
from secure_chat.client.events import Event, LineAccepted, LineRefused
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.records import AcceptedRecord, Record, RefusedRecord, SentRecord
from secure_chat.client.one_shot.tally import Fate, Tally
from secure_chat.client.one_shot.targets import Room, Someone, Target, explained, target
from secure_chat.client.one_shot.text_form import explain
from secure_chat.client.ticket import Ticket
from secure_chat.errors import ChatError, MessageEmpty, MessageTooLong, UsageInvalid
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.limits import COMMAND_PATIENCE_SECONDS, MAX_SEND_INPUT_BYTES, MAX_TEXT_BYTES
from secure_chat.sanitize import one_line, sanitize

_STANDARD_INPUT = "-"


def run(surroundings: Surroundings) -> int:
    """Send every message to every target, in order."""
    targets = [target(text) for text in surroundings.arguments.to]
    _check_action(surroundings, targets)
    texts = _texts(surroundings)
    return _Sending(surroundings).run([(where, text) for where in targets for text in texts])


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


@dataclass(slots=True)
class _Sending:
    """Every message to its target, in order, and what became of each."""

    surroundings: Surroundings
    tally: Tally = field(default_factory=Tally)
    refused: ChatError | None = None  # the newest refusal
    ticket: Ticket | None = None  # of the message that was handed over last

    def run(self, messages: list[tuple[Target, str]]) -> int:
        """Send; returns the exit code. Raises why it was cut off."""
        account = None
        try:
            with self.surroundings.account() as account:
                for where, text in messages:
                    self._send(account, where, text)
        except ChatError as error:
            self._cut_off(error, account, [where for where, _ in messages[self.tally.total :]])
            raise (_with_nothing_kept(error) if account is None else error) from error
        if self.refused is None:
            return ExitCode.OK
        if len(messages) > 1:
            self._say_tally()
        return ExitCode.PARTLY_SENT if self.tally.has_sent else exit_code_of(self.refused)

    def _send(self, account: ConnectedAccount, where: Target, text: str) -> None:
        self.ticket = None
        if isinstance(where, Room):
            self._send_to_room(account, where, text)
        else:
            self._send_to_person(account, where, text)

    def _send_to_room(self, account: ConnectedAccount, room: Room, text: str) -> None:
        ticket = self.ticket = account.client.post(room.name, text, action=self.surroundings.arguments.action)
        event = account.find(lambda event: isinstance(event, LineAccepted | LineRefused) and event.ticket == ticket)
        if isinstance(event, LineRefused):
            self._refuse(room, explained(account, room, event.error), Fate.NOT_SENT)
        elif isinstance(event, LineAccepted):
            changed = None if event.changed is None else sanitize(event.changed)
            self._object(AcceptedRecord(room=room.name, number=event.number, time=event.time, changed=changed))
            if changed is not None:
                self.surroundings.output.say(f"The text was changed, it is kept as: {changed} [text.changed]")
            self.tally.count(Fate.SENT)

    def _send_to_person(self, account: ConnectedAccount, peer: Someone, text: str) -> None:
        ticket = self.ticket = account.client.message(peer.name, text)
        event = account.find(lambda event: _is_settled(event, ticket))
        match event:
            case DirectAccepted():
                self._object(SentRecord(peer=one_line(event.peer), row=event.row, time=event.time))
                self.tally.count(Fate.SENT)
            case DirectHeld():
                self._refuse(peer, event.error, Fate.HELD)
            case DirectDelayed():
                self._refuse(peer, event.error, Fate.KEPT)
            case DirectRefused():
                self._refuse(peer, explained(account, peer, event.error), Fate.NOT_SENT)

    def _refuse(self, where: Target, error: ChatError, fate: Fate) -> None:
        self.refused = error
        self._object(_refusal(where, error, fate))
        print(explain(error), file=sys.stderr, flush=True)
        self.tally.count(fate)

    # --- the end came before everything was sent -------------------------------------------------

    def _cut_off(self, error: ChatError, account: ConnectedAccount | None, left: list[Target]) -> None:
        """One object for each message without an answer: the first was under way perhaps, the others were not."""
        for position, where in enumerate(left):
            fate = self._fate(account) if position == 0 else Fate.NOT_SENT
            self._object(_refusal(where, error, fate))
            self.tally.count(fate)
        if left and account is not None:
            self._say_tally()

    def _fate(self, account: ConnectedAccount | None) -> Fate:
        """What became of the message that was handed over last."""
        stopped = None if account is None else account.stopped
        if stopped is None or self.ticket is None:
            return Fate.NOT_SENT
        if self.ticket in stopped.kept:
            return Fate.KEPT
        is_doubtful = any(line.may_have_arrived for line in stopped.unsent if line.ticket == self.ticket)
        return Fate.DOUBTFUL if is_doubtful else Fate.NOT_SENT

    # --- words -----------------------------------------------------------------------------------

    def _object(self, record: Record) -> None:
        if self.surroundings.arguments.json:
            self.surroundings.output.data(record, "")

    def _say_tally(self) -> None:
        if not self.surroundings.arguments.json:
            self.surroundings.output.say(self.tally.sentence())


def _is_settled(event: Event, ticket: Ticket) -> bool:
    if isinstance(event, DirectDelayed):
        return event.ticket == ticket and event.seconds > COMMAND_PATIENCE_SECONDS
    return isinstance(event, DirectAccepted | DirectHeld | DirectRefused) and event.ticket == ticket


def _refusal(where: Target, error: ChatError, fate: Fate) -> RefusedRecord:
    room, peer = (where.name, "") if isinstance(where, Room) else ("", one_line(where.name))
    return RefusedRecord(
        room=room,
        peer=peer,
        code=error.code,
        sentence=one_line(error.sentence),
        kept=fate in (Fate.KEPT, Fate.HELD),
        doubtful=fate is Fate.DOUBTFUL,
    )


def _with_nothing_kept(error: ChatError) -> ChatError:
    sentence = f"{error.sentence} Nothing was sent, and nothing is kept."
    return type(error)(sentence, hint=error.next_step, retry_after=error.retry_after)

"""Requests and the one who answers them, without a socket: what a connection does, step by step."""

import itertools
from collections.abc import Callable, Iterable

from secure_chat.client.requests import Requests
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol.codec import decode_command, encode
from secure_chat.protocol.commands import AnyCommand
from secure_chat.protocol.events import Said
from secure_chat.protocol.frames import FrameReader

Answers = Callable[[AnyCommand], Iterable[Said]]


class Wire:
    """`asked` holds every command that was sent, as the server decodes it."""

    def __init__(self, answers: Answers) -> None:
        self.requests = Requests()
        self.asked: list[AnyCommand] = []
        self._answers = answers
        self._next_id = itertools.count(1).__next__

    def send(self, now: float = 0.0) -> list[AnyCommand]:
        """Send what is due; nothing is answered."""
        sent = []
        for command in self.requests.due(now, self._next_id):
            [body] = FrameReader(MAX_FRAME_BYTES).feed(encode(command))
            sent.append(decode_command(body))
        self.asked += sent
        return sent

    def exchange(self, now: float = 0.0) -> int:
        """Send what is due and answer it, until nothing is due any more; how many commands that were."""
        count = 0
        while sent := self.send(now):
            count += len(sent)
            for command in sent:
                for said in self._answers(command):
                    assert self.requests.reply(said, now)
        return count

"""Where a one-shot command's words go: data to standard output, talk and errors to standard error."""

import os
import sys
from dataclasses import dataclass

from secure_chat.errors import ChatError


@dataclass(frozen=True, slots=True)
class Output:
    """One command's two streams."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def data(self, record: object, text: str) -> None:
        """One piece of data: `record` with --json, else `text`, which is safe to show. Written at once."""
        if self.json:
            import msgspec

            text = msgspec.json.encode(record).decode("utf-8")
        elif sys.stdout.isatty():
            from secure_chat.client.one_shot.text_form import folded

            text = folded(text, os.get_terminal_size(sys.stdout.fileno()).columns)
        print(text, flush=True)

    def say(self, text: str) -> None:
        """Talk."""
        if not self.quiet:
            self._complain(text)

    def say_more(self, text: str) -> None:
        """Talk for who asked for more of it."""
        if self.verbose:
            self._complain(text)

    def error(self, error: ChatError) -> None:
        """Why the command failed; with --json an object on standard output as well."""
        from secure_chat.client.one_shot.text_form import explain

        if self.json:
            from secure_chat.client.one_shot.records import ErrorRecord
            from secure_chat.client.one_shot.text_form import next_step_here
            from secure_chat.sanitize import one_line

            record = ErrorRecord(
                code=error.code,
                sentence=one_line(error.sentence),
                next_step=next_step_here(error),
                retry_after=error.retry_after,
            )
            self.data(record, "")
        self._complain(explain(error))

    def _complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

"""The text at a terminal's prompt, which steps aside while a question is answered there."""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document


class TerminalText:
    """A `PromptText` over the buffer that the person edits."""

    can_be_set = True

    def __init__(self) -> None:
        self._buffer = Buffer()
        self._aside: Document | None = None

    def use(self, buffer: Buffer) -> None:
        """From now on the person edits this one."""
        buffer.document = self._buffer.document
        self._buffer = buffer

    def get(self) -> str:
        """What is typed and not entered; never the answer to a question."""
        return self._buffer.text if self._aside is None else self._aside.text

    def set(self, text: str) -> None:
        """Put a text there, the cursor at its end."""
        document = Document(text, len(text))
        if self._aside is None:
            self._buffer.document = document
        else:
            self._aside = document

    def step_aside(self) -> None:
        """A question is asked: what was typed waits."""
        if self._aside is None:
            self._aside = self._buffer.document
            self._buffer.reset()

    def step_back(self) -> None:
        """The question is answered: nothing of the answer stays, not even to be undone."""
        if self._aside is not None:
            self._buffer.reset(self._aside)
            self._aside = None

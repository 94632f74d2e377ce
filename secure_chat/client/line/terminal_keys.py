"""The keys of the prompt, besides those for editing that every prompt of this kind has."""

from typing import Final, Protocol

from prompt_toolkit.application.current import get_app
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

_NOTHING_OF_ITS_OWN: Final = ("c-r", "c-s", "up", "down", "c-p", "c-n")  # while a question is answered


class Actions(Protocol):
    """What keys lead to."""

    @property
    def is_asking(self) -> bool:
        """Whether a question is answered."""

    def enter(self) -> None:
        """The line is done."""

    def interrupt(self) -> None:
        """Ctrl-C."""

    def end(self) -> None:
        """Ctrl-D on an empty line."""

    def complete(self) -> None:
        """Tab."""

    def move(self, step: int) -> None:
        """To another room."""

    def paste(self, text: str) -> None:
        """Text came in one piece."""

    def edit(self) -> None:
        """Go on in the person's own editor."""


def key_bindings(actions: Actions) -> KeyBindings:
    """All of them."""
    keys = KeyBindings()
    typing = ~is_searching
    asking = Condition(lambda: actions.is_asking)

    @keys.add("enter", filter=typing)
    def _enter(_event: KeyPressEvent) -> None:
        actions.enter()

    @keys.add("escape", "enter", filter=typing & ~asking)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def _interrupt(_event: KeyPressEvent) -> None:
        actions.interrupt()

    @keys.add("c-d", filter=typing & Condition(lambda: not get_app().current_buffer.text))
    def _end(_event: KeyPressEvent) -> None:
        actions.end()

    @keys.add("c-d", filter=typing & Condition(lambda: bool(get_app().current_buffer.text)))
    def _delete(event: KeyPressEvent) -> None:
        event.current_buffer.delete()

    @keys.add("tab", filter=typing)
    def _complete(_event: KeyPressEvent) -> None:
        actions.complete()

    @keys.add("escape", "down", filter=typing & ~asking)
    def _next_room(_event: KeyPressEvent) -> None:
        actions.move(1)

    @keys.add("escape", "up", filter=typing & ~asking)
    def _previous_room(_event: KeyPressEvent) -> None:
        actions.move(-1)

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _paste(event: KeyPressEvent) -> None:
        actions.paste(event.data)

    @keys.add("c-x", "c-e", filter=typing & ~asking)
    def _edit(_event: KeyPressEvent) -> None:
        actions.edit()

    for key in _NOTHING_OF_ITS_OWN:
        keys.add(key, filter=asking)(_nothing)
    return keys


def _nothing(_event: KeyPressEvent) -> None:
    """What was typed before stays out of an answer."""

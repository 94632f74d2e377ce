"""Saying something: in the current room, after a question when it is unusually long."""

from secure_chat.client.line.context import Context
from secure_chat.client.line.questions import Question
from secure_chat.client.line.typed import as_typed
from secure_chat.errors import ChatError
from secure_chat.limits import UNASKED_LINES


def say(context: Context, text: str, *, action: bool = False) -> None:
    """Say `text` in the current room. Raises `NoRoom`."""
    room = context.here.room
    count = text.count("\n") + 1
    if count <= UNASKED_LINES or not context.prompt_text.can_be_set:
        _post(context, room, text, action=action)
        return

    def answered(answer: str) -> None:
        if answer.strip().lower() in ("y", "yes"):
            _post(context, room, text, action=action)
        else:
            kept()

    def kept() -> None:
        context.say("nothing was sent. ", context.give_back(room, as_typed(text, action=action)))

    context.ask(Question(f"{count} lines: send as one message? y/n >", answered, kept))


def _post(context: Context, room: str, text: str, *, action: bool) -> None:
    try:
        ticket = context.client.post(room, text, action=action)
    except ChatError as error:
        context.tell(error, context.give_back(room, as_typed(text, action=action)))
    else:
        context.own_lines.posted(ticket, room, text, action=action)

"""Saying something: where the person is, or to somebody named; after a question when it is unusually long."""

from secure_chat.client.line.context import Context
from secure_chat.client.line.places import Conversation, Where
from secure_chat.client.line.questions import Question
from secure_chat.client.line.typed import as_typed
from secure_chat.errors import ChatError, UsageInvalid
from secure_chat.limits import UNASKED_LINES
from secure_chat.sanitize import one_line


def say(context: Context, text: str, *, action: bool = False) -> None:
    """Say `text` where the person is. Raises `NoRoom`, or `UsageInvalid` for what cannot be said there."""
    say_there(context, context.here, text, action=action)


def say_there(context: Context, where: Where, text: str, *, action: bool = False) -> None:
    """Say `text` in a room or a conversation. Raises `UsageInvalid` for what cannot be said there."""
    if isinstance(where, Conversation) and action:
        peer = one_line(where.peer)
        back = context.put_back(as_typed(text, action=True))
        said = f"/me speaks to a room, and this goes to {peer}. Nothing was sent. {back}"
        raise UsageInvalid(said.rstrip(), hint="say it in words")
    count = text.count("\n") + 1
    if count <= UNASKED_LINES or not context.prompt_text.can_be_set:
        _post(context, where, text, action=action)
        return

    def answered(answer: str) -> None:
        if answer.strip().lower() in ("y", "yes"):
            _post(context, where, text, action=action)
        else:
            kept()

    def kept() -> None:
        context.say("nothing was sent. ", context.give_back(where, as_typed(text, action=action)))

    context.ask(Question(f"{count} lines: send as one message? y/n >", answered, kept, about=text))


def _post(context: Context, where: Where, text: str, *, action: bool) -> None:
    try:
        if isinstance(where, Conversation):
            context.own_directs.posted(context.client.message(where.peer, text), where.peer, text)
        else:
            ticket = context.client.post(where.room, text, action=action)
            context.own_lines.posted(ticket, where.room, text, action=action)
    except ChatError as error:
        context.tell(error, context.give_back(where, as_typed(text, action=action)))

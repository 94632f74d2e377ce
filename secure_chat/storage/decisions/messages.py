"""What members say: messages, topics and an administrator's kick, each numbered once however often it is sent."""

from secure_chat.errors import NotMember, PermissionDenied, UserUnknown
from secure_chat.protocol.events import Message, TopicSet
from secure_chat.protocol.states import Role
from secure_chat.storage.decisions import memberships
from secure_chat.storage.decisions.repeats import digest_of, first_answer
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import Kick, PostMessage, SetTopic
from secure_chat.storage.outcomes import Numbered


def post(entry: PostMessage, draft: Draft) -> Numbered:
    """A member says something."""
    actor = draft.actor(entry.account)
    changed = entry.text if entry.changed else None
    kind = "action" if entry.action else "message"
    digest = digest_of(kind, entry.room, "changed" if entry.changed else "", entry.text)
    if (answer := first_answer(draft, entry, digest, changed)) is not None:
        return answer
    room = draft.room_of_member(entry.room, entry.account)
    number = room.head + 1
    event = Message(entry.room, number, draft.now_ms, actor.name, entry.client_id, entry.text, entry.action)
    draft.append(room, entry.account, event, body=entry.text, sent_as=(entry.device, entry.client_id, digest))
    return Numbered(entry.room, number, draft.now_ms, changed)


def set_topic(entry: SetTopic, draft: Draft) -> Numbered:
    """A member sets the topic."""
    actor = draft.actor(entry.account)
    changed = entry.text if entry.changed else None
    digest = digest_of("topic", entry.room, "changed" if entry.changed else "", entry.text)
    if (answer := first_answer(draft, entry, digest, changed)) is not None:
        return answer
    room = draft.room_of_member(entry.room, entry.account)
    number = room.head + 1
    event = TopicSet(entry.room, number, draft.now_ms, actor.name, entry.text)
    draft.append(room, entry.account, event, sent_as=(entry.device, entry.client_id, digest))
    room.topic = entry.text
    return Numbered(entry.room, number, draft.now_ms, changed)


def kick(entry: Kick, draft: Draft) -> Numbered:
    """An administrator, in the room or not, ends somebody's membership."""
    actor = draft.actor(entry.account)
    if actor.role is not Role.ADMINISTRATOR:
        raise PermissionDenied("Only an administrator may do this.")
    digest = digest_of("kick", entry.room, entry.name, entry.reason)
    if (answer := first_answer(draft, entry, digest, None)) is not None:
        return answer
    room = draft.room(entry.room)
    kicked = draft.account_named(entry.name)
    if kicked is None:
        raise UserUnknown(f"There is no user {entry.name}.")
    if room.member_since(kicked.number) is None:
        raise NotMember(f"{kicked.name} is not a member of #{room.name}.", hint="who is: /members")
    memberships.kick(draft, room, kicked, actor, entry.reason, (entry.device, entry.client_id, digest))
    return Numbered(room.name, room.head, draft.now_ms)

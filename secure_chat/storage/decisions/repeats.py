"""A repeat of something sent gets the first answer; the same id for something else is refused."""

import hashlib
import hmac

from secure_chat.errors import ClientIdReused
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import Kick, PostMessage, SetTopic
from secure_chat.storage.outcomes import Numbered
from secure_chat.storage.sent_ids import DIGEST_BYTES


def digest_of(kind: str, *parts: str) -> bytes:
    """16 bytes by which a repeat is known from another use of its id. Only the last part may hold a zero character."""
    return hashlib.blake2b("\0".join((kind, *parts)).encode(), digest_size=DIGEST_BYTES).digest()


def first_answer(
    draft: Draft, entry: PostMessage | SetTopic | Kick, digest: bytes, changed: str | None
) -> Numbered | None:
    """What this was answered the first time; None when it is the first time. Raises `ClientIdReused`."""
    sent = draft.sent(entry.account, entry.device, entry.client_id)
    if sent is None:
        return None
    if not hmac.compare_digest(sent.digest, digest):
        raise ClientIdReused
    return Numbered(sent.room, sent.number, sent.time, changed)

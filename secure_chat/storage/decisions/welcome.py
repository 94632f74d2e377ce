"""What every way in ends with: the counter against cloned stores is raised, the account's rooms are named."""

from secure_chat.directory.prekeys import PREKEY_ID_BYTES
from secure_chat.protocol.events import JoinedRoom
from secure_chat.storage.database import Row
from secure_chat.storage.draft import Draft
from secure_chat.storage.outcomes import LoggedIn
from secure_chat.storage.queries import invites, shelf
from secure_chat.storage.queries import people as queries
from secure_chat.storage.state import Account


def welcome(
    draft: Draft, account: Account, device: int, *, counter_before: int, version: int, token_is_new: bool
) -> LoggedIn:
    """The answer to a device that is in; `version` is that of the account's newest device list."""
    rooms = tuple(JoinedRoom(room.name, room.topic, room.head, room.first) for room in draft.rooms_of(account.number))
    signed = draft.one(shelf.SIGNED, account=account.number, device_id=device)
    return LoggedIn(
        account=account.number,
        device=device,
        user_id=account.user_id,
        name=account.name,
        role=account.role,
        counter_before=counter_before,
        device_list_version=version,
        rooms=rooms,
        token_is_new=token_is_new,
        one_time_prekeys=_number(draft.one(shelf.LIVE, account=account.number, device_id=device)),
        signed_prekey_id=signed[0][:PREKEY_ID_BYTES] if signed else b"",
        invites_used=bool(_number(draft.one(invites.HAS_USED, inviter=account.number))),
        has_mail=draft.mail.has_mail((account.number, device)),
    )


def _number(row: Row | None) -> int:
    return row[0] if row else 0


def raise_counter(draft: Draft, account: int, device: int, *, before: int, counter: int) -> None:
    """Keep the highest counter that the device has shown."""
    if counter > before:
        draft.write(queries.SET_COUNTER, of_account=account, of_device=device, new_counter=counter)

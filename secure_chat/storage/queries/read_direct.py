"""Device lists, mailboxes and uses of own invites: what the reading side looks up."""

from typing import Final

from sqlalchemy import LargeBinary, Text, and_, select

from secure_chat.storage.queries.direct import MAIL
from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import accounts, devices, directory, invites

__all__ = ["BY_NAME", "BY_USER_ID", "INVITER", "LISTS_AFTER", "MAIL", "NEWEST_LIST", "SIGNING_KEY", "USED_INVITES"]

_ACCOUNT: Final = (accounts.c.user_id, accounts.c.name, accounts.c.state, accounts.c.newest_list)

BY_NAME: Final = compiled(select(*_ACCOUNT).where(accounts.c.name == parameter("name", Text)))
BY_USER_ID: Final = compiled(select(*_ACCOUNT).where(accounts.c.user_id == parameter("user_id", LargeBinary)))
NEWEST_LIST: Final = compiled(select(directory.c.device_list).where(directory.c.row == parameter("row")))
LISTS_AFTER: Final = compiled(
    select(directory.c.device_list)
    .where(
        directory.c.user_id == parameter("user_id", LargeBinary),
        directory.c.version > parameter("after"),
        directory.c.device_list.is_not(None),
    )
    .order_by(directory.c.row)
)
SIGNING_KEY: Final = compiled(
    select(accounts.c.user_id, devices.c.signing_key)
    .join(accounts, accounts.c.id == devices.c.account)
    .where(
        devices.c.account == parameter("account"),
        devices.c.device_id == parameter("device_id"),
        devices.c.listed == 1,
    )
)
INVITER: Final = compiled(
    select(accounts.c.user_id, accounts.c.name, directory.c.device_list)
    .join(directory, directory.c.row == accounts.c.newest_list)
    .where(accounts.c.id == parameter("account"))
)
_registered: Final = directory.alias("registered")
USED_INVITES: Final = compiled(
    select(
        invites.c.token_hash,
        accounts.c.user_id,
        accounts.c.name,
        _registered.c.device_list,
        invites.c.proof,
        invites.c.used,
    )
    .join(accounts, accounts.c.id == invites.c.used_by)
    .join(
        _registered,
        and_(
            _registered.c.user_id == accounts.c.user_id,
            _registered.c.version == 1,
            _registered.c.device_list.is_not(None),
        ),
    )
    .where(
        invites.c.inviter == parameter("inviter"),
        invites.c.used.is_not(None),
        invites.c.settled.is_(None),
    )
    .order_by(invites.c.id)
    .limit(parameter("rows"))
)

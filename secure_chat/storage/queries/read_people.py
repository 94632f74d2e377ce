"""Accounts, devices, invites and sessions: what the reading side looks up."""

from typing import Final

from sqlalchemy import LargeBinary, Text, and_, func, select

from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import accounts, devices, directory, invites, memberships, rooms, token_families

_registered: Final = directory.alias("registered")

CREDENTIALS: Final = compiled(
    select(
        accounts.c.id,
        accounts.c.user_id,
        accounts.c.name,
        accounts.c.role,
        accounts.c.state,
        accounts.c.password_hash,
        directory.c.device_list,
        directory.c.digest,
        directory.c.version,
        _registered.c.digest,
    )
    .join(directory, directory.c.row == accounts.c.newest_list)
    .join(
        _registered,
        and_(
            _registered.c.user_id == accounts.c.user_id,
            _registered.c.version == 1,
            _registered.c.device_list.is_not(None),
        ),
    )
    .where(accounts.c.name == parameter("name", Text), accounts.c.state != "deleted")
)
PASSWORD_HASH_BEGINNINGS: Final = compiled(
    select(func.substr(accounts.c.password_hash, 1, 7)).where(func.length(accounts.c.password_hash) > 0).distinct()
)
INVITE: Final = compiled(
    select(
        invites.c.id,
        invites.c.purpose,
        invites.c.role,
        invites.c.rooms,
        invites.c.name,
        invites.c.expires,
        invites.c.used_by,
        invites.c.used,
        invites.c.revoked,
        invites.c.inviter,
    ).where(invites.c.token_hash == parameter("token_hash", LargeBinary))
)
USERS: Final = compiled(
    select(accounts.c.id, accounts.c.name, accounts.c.role, accounts.c.state, accounts.c.created, accounts.c.last_login)
    .where(accounts.c.name > parameter("after", Text))
    .order_by(accounts.c.name)
    .limit(parameter("rows"))
)
USER_COUNT: Final = compiled(select(func.count()).select_from(accounts))
USER: Final = compiled(
    select(
        accounts.c.id,
        accounts.c.name,
        accounts.c.role,
        accounts.c.state,
        accounts.c.created,
        accounts.c.last_login,
        accounts.c.user_id,
        directory.c.version,
        directory.c.device_list,
    )
    .join(directory, directory.c.row == accounts.c.newest_list)
    .where(accounts.c.name == parameter("name", Text))
)
DEVICES: Final = compiled(
    select(devices.c.device_id, devices.c.added, token_families.c.last_used, token_families.c.revoked)
    .outerjoin(
        token_families,
        and_(token_families.c.account == devices.c.account, token_families.c.device_id == devices.c.device_id),
    )
    .where(devices.c.account == parameter("account"), devices.c.listed == 1)
    .order_by(devices.c.device_id)
)
ROOMS_OF: Final = compiled(
    select(rooms.c.name)
    .join(memberships, memberships.c.room == rooms.c.id)
    .where(memberships.c.account == parameter("account"))
    .order_by(rooms.c.name)
)
SESSIONS: Final = compiled(
    select(
        accounts.c.id,
        accounts.c.name,
        token_families.c.device_id,
        token_families.c.created,
        token_families.c.last_used,
    )
    .join(accounts, accounts.c.id == token_families.c.account)
    .where(accounts.c.name > parameter("after", Text), token_families.c.revoked.is_(None))
    .order_by(accounts.c.name, token_families.c.device_id)
    .limit(parameter("rows"))
)
_user_of: Final = accounts.alias("user_of")
INVITES: Final = compiled(
    select(
        invites.c.id,
        invites.c.purpose,
        invites.c.role,
        invites.c.rooms,
        invites.c.name,
        invites.c.made_by,
        invites.c.made,
        invites.c.expires,
        invites.c.used,
        _user_of.c.name,
        invites.c.revoked,
    )
    .outerjoin(_user_of, _user_of.c.id == invites.c.used_by)
    .where(invites.c.id < parameter("before"))
    .order_by(invites.c.id.desc())
    .limit(parameter("rows"))
)
DIRECTORY_ROWS: Final = compiled(
    select(
        directory.c.row,
        directory.c.type,
        directory.c.user_id,
        directory.c.name,
        directory.c.version,
        directory.c.digest,
        directory.c.time,
        directory.c.device_list,
    )
    .where(directory.c.row >= parameter("first"))
    .order_by(directory.c.row)
    .limit(parameter("rows"))
)

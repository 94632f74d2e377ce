"""Invites and reset links."""

from typing import Final

from sqlalchemy import LargeBinary, Text, exists, func, select, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import invites

ADD: Final = insertion(invites, without="id")
BY_TOKEN: Final = compiled(
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
MADE_UNDER: Final = compiled(
    select(invites.c.inviter, invites.c.expires).where(invites.c.token_hash == parameter("token_hash", LargeBinary))
)
OPEN_OF: Final = compiled(
    select(func.count())
    .select_from(invites)
    .where(
        invites.c.inviter == parameter("inviter"),
        invites.c.used.is_(None),
        invites.c.revoked.is_(None),
        invites.c.expires > parameter("now"),
    )
)
HAS_USED: Final = compiled(
    select(
        exists().where(
            invites.c.inviter == parameter("inviter"), invites.c.used.is_not(None), invites.c.settled.is_(None)
        )
    )
)
SETTLE: Final = compiled(
    update(invites)
    .where(
        invites.c.token_hash == parameter("of_token", LargeBinary),
        invites.c.inviter == parameter("of_inviter"),
        invites.c.used.is_not(None),
        invites.c.settled.is_(None),
    )
    .values(settled=parameter("now"))
)
REVOKE_UNUSED_OF: Final = compiled(
    update(invites)
    .where(invites.c.inviter == parameter("of_inviter"), invites.c.used.is_(None), invites.c.revoked.is_(None))
    .values(revoked=parameter("now"))
)
BY_NUMBER: Final = compiled(select(invites.c.used, invites.c.revoked).where(invites.c.id == parameter("invite")))
USE: Final = compiled(
    update(invites)
    .where(invites.c.id == parameter("invite"))
    .values(used_by=parameter("account"), used=parameter("now"), proof=parameter("new_proof", LargeBinary))
)
REVOKE: Final = compiled(update(invites).where(invites.c.id == parameter("invite")).values(revoked=parameter("now")))
REVOKE_UNUSED_ADMINISTRATORS: Final = compiled(
    update(invites)
    .where(
        invites.c.role == "administrator",
        invites.c.purpose == "join",
        invites.c.used.is_(None),
        invites.c.revoked.is_(None),
    )
    .values(revoked=parameter("now"))
)
REVOKE_UNUSED_RESETS: Final = compiled(
    update(invites)
    .where(
        invites.c.purpose == "reset",
        invites.c.name == parameter("for_name", Text),
        invites.c.used.is_(None),
        invites.c.revoked.is_(None),
    )
    .values(revoked=parameter("now"))
)

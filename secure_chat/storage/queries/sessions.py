"""Families of resume tokens and spent tokens."""

from typing import Final

from sqlalchemy import LargeBinary, delete, null, or_, select, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import spent_tokens, token_families

ADD_FAMILY: Final = insertion(token_families, without="id")
FAMILY: Final = compiled(
    select(
        token_families.c.id,
        token_families.c.account,
        token_families.c.device_id,
        token_families.c.current_hash,
        token_families.c.pending_hash,
        token_families.c.issued,
        token_families.c.last_used,
        token_families.c.revoked,
    ).where(
        or_(
            token_families.c.current_hash == parameter("token_hash", LargeBinary),
            token_families.c.pending_hash == parameter("token_hash", LargeBinary),
        )
    )
)
SPENT: Final = compiled(
    select(
        token_families.c.id,
        token_families.c.account,
        token_families.c.device_id,
        token_families.c.revoked,
        spent_tokens.c.confirmed,
    )
    .join(token_families, token_families.c.id == spent_tokens.c.family)
    .where(spent_tokens.c.token_hash == parameter("token_hash", LargeBinary))
)
ADD_SPENT: Final = insertion(spent_tokens)
SET_PENDING: Final = compiled(
    update(token_families)
    .where(token_families.c.id == parameter("family"))
    .values(pending_hash=parameter("new_hash", LargeBinary))
)
CONFIRM: Final = compiled(
    update(token_families)
    .where(token_families.c.id == parameter("family"))
    .values(current_hash=parameter("new_hash", LargeBinary), pending_hash=null(), issued=parameter("now"))
)
REVOKE: Final = compiled(
    update(token_families).where(token_families.c.id == parameter("family")).values(revoked=parameter("now"))
)
SET_LAST_USED: Final = compiled(
    update(token_families)
    .where(token_families.c.account == parameter("of_account"), token_families.c.device_id == parameter("of_device"))
    .values(last_used=parameter("now"))
)
END_DEVICE: Final = compiled(
    delete(token_families).where(
        token_families.c.account == parameter("account"), token_families.c.device_id == parameter("device_id")
    )
)
END_OTHERS: Final = compiled(
    delete(token_families).where(
        token_families.c.account == parameter("account"), token_families.c.device_id != parameter("device_id")
    )
)
END_ALL: Final = compiled(delete(token_families).where(token_families.c.account == parameter("account")))

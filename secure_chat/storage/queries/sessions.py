"""Families of resume tokens and spent tokens."""

from typing import Final

from sqlalchemy import LargeBinary, delete, literal_column, null, or_, select, update

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

# Ended families stay without their hashes, because operators ask when a device was last seen. What stands in their
# place is shorter than a hash: nothing that is shown can match it.
_no_hash: Final = literal_column("CAST('ended ' || token_families.id AS BLOB)", LargeBinary)
_of_account: Final = token_families.c.account == parameter("of_account")
_of_device: Final = token_families.c.device_id == parameter("of_device")
_of_others: Final = token_families.c.device_id != parameter("of_device")
_retire: Final = update(token_families).values(current_hash=_no_hash, pending_hash=null(), revoked=parameter("now"))
RETIRE_DEVICE: Final = compiled(_retire.where(_of_account, _of_device))
RETIRE_OTHERS: Final = compiled(_retire.where(_of_account, _of_others))
RETIRE_ALL: Final = compiled(_retire.where(_of_account))
_families: Final = select(token_families.c.id)
FORGET_SPENT_OF_DEVICE: Final = compiled(
    delete(spent_tokens).where(spent_tokens.c.family.in_(_families.where(_of_account, _of_device)))
)
FORGET_SPENT_OF_OTHERS: Final = compiled(
    delete(spent_tokens).where(spent_tokens.c.family.in_(_families.where(_of_account, _of_others)))
)
FORGET_SPENT_OF_ALL: Final = compiled(
    delete(spent_tokens).where(spent_tokens.c.family.in_(_families.where(_of_account)))
)

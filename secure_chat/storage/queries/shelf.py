"""Prekeys on the shelf, and what became of those that are not there any more."""

from typing import Final

from sqlalchemy import LargeBinary, delete, func, select, union_all

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import one_time_prekeys, signed_prekeys, spent_prekeys

SIGNED: Final = compiled(
    select(signed_prekeys.c.prekey).where(
        signed_prekeys.c.account == parameter("account"), signed_prekeys.c.device_id == parameter("device_id")
    )
)
LIVE: Final = compiled(
    select(func.count())
    .select_from(one_time_prekeys)
    .where(one_time_prekeys.c.account == parameter("account"), one_time_prekeys.c.device_id == parameter("device_id"))
)
ON_SHELF: Final = compiled(
    select(one_time_prekeys.c.prekey_id, one_time_prekeys.c.prekey, one_time_prekeys.c.received)
    .where(one_time_prekeys.c.account == parameter("account"), one_time_prekeys.c.device_id == parameter("device_id"))
    .order_by(one_time_prekeys.c.id)
)
OLDEST: Final = compiled(
    select(one_time_prekeys.c.prekey_id, one_time_prekeys.c.prekey, one_time_prekeys.c.received)
    .where(one_time_prekeys.c.account == parameter("account"), one_time_prekeys.c.device_id == parameter("device_id"))
    .order_by(one_time_prekeys.c.id)
    .limit(1)
)
ADD: Final = insertion(one_time_prekeys, without="id")
REMOVE: Final = compiled(
    delete(one_time_prekeys).where(
        one_time_prekeys.c.account == parameter("account"),
        one_time_prekeys.c.device_id == parameter("device_id"),
        one_time_prekeys.c.prekey_id == parameter("prekey_id", LargeBinary),
    )
)
ADD_SPENT: Final = insertion(spent_prekeys, without="id")
IS_SPENT: Final = compiled(
    select(spent_prekeys.c.id).where(
        spent_prekeys.c.account == parameter("account"),
        spent_prekeys.c.device_id == parameter("device_id"),
        spent_prekeys.c.prekey_id == parameter("prekey_id", LargeBinary),
    )
)
RECEIVED_SINCE: Final = compiled(
    union_all(
        *(
            select(table.c.received).where(
                table.c.account == parameter("account"),
                table.c.device_id == parameter("device_id"),
                table.c.received > parameter("since"),
            )
            for table in (one_time_prekeys, spent_prekeys)
        )
    )
)
GRANTED_SINCE: Final = compiled(
    select(spent_prekeys.c.account, spent_prekeys.c.device_id, spent_prekeys.c.time).where(
        spent_prekeys.c.requester == parameter("requester"), spent_prekeys.c.time > parameter("since")
    )
)
FORGET_SPENT: Final = compiled(
    delete(spent_prekeys).where(
        spent_prekeys.c.id.in_(select(spent_prekeys.c.id).order_by(spent_prekeys.c.id).limit(parameter("rows"))),
        spent_prekeys.c.time < parameter("before"),
    )
)

"""The ids under which things were sent: those still in the room log alone, and the table they are moved to."""

from typing import Final

from sqlalchemy import LargeBinary, delete, func, insert, select, text, tuple_

from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import marks, room_log, rooms, sent_ids

MARK: Final = compiled(select(marks.c.row).where(marks.c.name == "sent_ids"))
SET_MARK: Final = compiled(
    text("INSERT OR REPLACE INTO marks(name, row) VALUES ('sent_ids', :row)").bindparams(parameter("row"))
)

NEWEST_LOG_ROW: Final = compiled(select(func.coalesce(func.max(room_log.c.id), 0)))
IN_THE_LOG: Final = compiled(
    select(
        room_log.c.account,
        room_log.c.device_id,
        room_log.c.client_id,
        room_log.c.digest,
        rooms.c.name,
        room_log.c.number,
        room_log.c.time,
    )
    .join(rooms, rooms.c.id == room_log.c.room)
    .where(room_log.c.id > parameter("mark"), room_log.c.client_id.is_not(None))
)
MOVE: Final = compiled(
    insert(sent_ids).from_select(
        [column.name for column in sent_ids.columns],
        select(
            room_log.c.account,
            room_log.c.device_id,
            room_log.c.client_id,
            room_log.c.digest,
            room_log.c.room,
            room_log.c.number,
            room_log.c.time,
        )
        .where(room_log.c.id > parameter("mark"), room_log.c.client_id.is_not(None))
        .order_by(room_log.c.account, room_log.c.device_id, room_log.c.client_id),
    )
)

FIND: Final = compiled(
    select(sent_ids.c.digest, rooms.c.name, sent_ids.c.number, sent_ids.c.time)
    .join(rooms, rooms.c.id == sent_ids.c.room)
    .where(
        sent_ids.c.account == parameter("account"),
        sent_ids.c.device_id == parameter("device_id"),
        sent_ids.c.client_id == parameter("client_id", LargeBinary),
    )
)
HIGHEST_OF_RUN: Final = compiled(
    select(func.max(sent_ids.c.client_id)).where(
        sent_ids.c.account == parameter("account"),
        sent_ids.c.device_id == parameter("device_id"),
        sent_ids.c.client_id >= parameter("lowest", LargeBinary),
        sent_ids.c.client_id <= parameter("highest", LargeBinary),
    )
)

_KEY: Final = tuple_(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id)
_LAST_KEY: Final = tuple_(parameter("account"), parameter("device_id"), parameter("client_id", LargeBinary))
AFTER: Final = compiled(
    select(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id, sent_ids.c.time)
    .where(_KEY > _LAST_KEY)
    .order_by(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id)
    .limit(parameter("rows"))
)
FORGET: Final = compiled(
    delete(sent_ids).where(
        sent_ids.c.account == parameter("account"),
        sent_ids.c.device_id == parameter("device_id"),
        sent_ids.c.client_id == parameter("client_id", LargeBinary),
    )
)

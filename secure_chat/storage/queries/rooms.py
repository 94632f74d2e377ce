"""Rooms, members and the room log: what the journal writes and looks up."""

from typing import Final

from sqlalchemy import Column, Integer, MetaData, Table, Text, delete, func, select, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import memberships, room_log, rooms

# Full text is a table to SQLite only; it has the rows of `room_log` that have a body.
ROOM_TEXT: Final = Table("room_text", MetaData(), Column("rowid", Integer), Column("body", Text))

ADD_ROOM: Final = insertion(rooms)
MADE_BY: Final = compiled(select(func.count()).select_from(rooms).where(rooms.c.created_by == parameter("account")))
ADD_MEMBER: Final = insertion(memberships)
REMOVE_MEMBER: Final = compiled(
    delete(memberships).where(
        memberships.c.account == parameter("member"),
        memberships.c.room == parameter("room_number"),
    )
)
UPDATE_ROOM: Final = compiled(
    update(rooms)
    .where(rooms.c.id == parameter("room_number"))
    .values(topic=parameter("new_topic", Text), head=parameter("new_head"), members=parameter("new_members"))
)

APPEND: Final = insertion(room_log)
APPEND_TEXT: Final = insertion(ROOM_TEXT)
TAIL: Final = compiled(
    select(room_log.c.number, room_log.c.frame)
    .where(room_log.c.room == parameter("room_number"), room_log.c.number <= parameter("last"))
    .order_by(room_log.c.number.desc())
    .limit(parameter("rows"))
)

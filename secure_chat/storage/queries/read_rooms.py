"""History, search, rooms and members: what the reading side looks up."""

from typing import Final

from sqlalchemy import Column, Integer, MetaData, Table, Text, and_, func, or_, select

from secure_chat.storage.event_kinds import EventKind
from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import accounts, memberships, room_log, rooms

# The column named like the table is full text's own: what MATCH is asked of.
_TEXT: Final = Table("room_text", MetaData(), Column("rowid", Integer), Column("room_text", Text))

ROOM: Final = compiled(
    select(rooms.c.id, rooms.c.head, memberships.c.account)
    .outerjoin(memberships, and_(memberships.c.room == rooms.c.id, memberships.c.account == parameter("account")))
    .where(rooms.c.name == parameter("room", Text))
)
EVENTS: Final = compiled(
    select(room_log.c.number, room_log.c.frame)
    .where(
        room_log.c.room == parameter("room_number"),
        room_log.c.number >= parameter("first"),
        room_log.c.number <= parameter("last"),
    )
    .order_by(room_log.c.number)
    .limit(parameter("rows"))
)
SEARCH: Final = compiled(
    select(room_log.c.id, room_log.c.time, room_log.c.frame)
    .select_from(_TEXT)
    .join(room_log, room_log.c.id == _TEXT.c.rowid)
    .join(memberships, and_(memberships.c.room == room_log.c.room, memberships.c.account == parameter("account")))
    .where(
        _TEXT.c.room_text.op("MATCH")(parameter("words", Text)),
        _TEXT.c.rowid < parameter("before"),
        or_(parameter("room_number").is_(None), room_log.c.room == parameter("room_number")),
        or_(parameter("sender_number").is_(None), room_log.c.account == parameter("sender_number")),
        room_log.c.kind == EventKind.MESSAGE.value,
    )
    .order_by(_TEXT.c.rowid.desc())
)
ROOMS: Final = compiled(
    select(rooms.c.name, rooms.c.topic, rooms.c.members, memberships.c.account)
    .outerjoin(memberships, and_(memberships.c.room == rooms.c.id, memberships.c.account == parameter("account")))
    .where(func.instr(rooms.c.name, parameter("pattern", Text)) > 0, rooms.c.name > parameter("after", Text))
    .order_by(rooms.c.name)
    .limit(parameter("rows"))
)
ROOM_COUNT: Final = compiled(
    select(func.count()).select_from(rooms).where(func.instr(rooms.c.name, parameter("pattern", Text)) > 0)
)
MEMBERS: Final = compiled(
    select(accounts.c.id, accounts.c.name, accounts.c.role)
    .join(memberships, memberships.c.account == accounts.c.id)
    .where(
        memberships.c.room == parameter("room_number"),
        accounts.c.state == "enabled",
        accounts.c.name > parameter("after", Text),
    )
    .order_by(accounts.c.name)
    .limit(parameter("rows"))
)
MEMBER_COUNT: Final = compiled(
    select(func.count())
    .select_from(memberships)
    .join(accounts, memberships.c.account == accounts.c.id)
    .where(memberships.c.room == parameter("room_number"), accounts.c.state == "enabled")
)
ROOM_NUMBER: Final = compiled(select(rooms.c.id).where(rooms.c.name == parameter("room", Text)))
LOG_ROWS: Final = compiled(
    select(
        room_log.c.number,
        room_log.c.time,
        room_log.c.kind,
        room_log.c.account,
        room_log.c.body,
        room_log.c.frame,
    )
    .where(room_log.c.room == parameter("room_number"), room_log.c.number >= parameter("first"))
    .order_by(room_log.c.number)
    .limit(parameter("rows"))
)

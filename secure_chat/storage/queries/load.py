"""What is read once, when the store is opened."""

from typing import Final

from sqlalchemy import func, select

from secure_chat.storage.statements import compiled
from secure_chat.storage.tables import accounts, devices, memberships, room_log, rooms

ACCOUNTS: Final = compiled(
    select(accounts.c.id, accounts.c.user_id, accounts.c.name, accounts.c.role, accounts.c.state)
)
LISTED_DEVICES: Final = compiled(
    select(devices.c.account, devices.c.device_id)
    .where(devices.c.listed == 1)
    .order_by(devices.c.account, devices.c.device_id)
)
ROOMS: Final = compiled(select(rooms.c.id, rooms.c.name, rooms.c.topic, rooms.c.head, rooms.c.first))
MEMBERSHIPS: Final = compiled(select(memberships.c.account, memberships.c.room, memberships.c.joined))
NEWEST_LOG_ROW: Final = compiled(select(func.coalesce(func.max(room_log.c.id), 0)))

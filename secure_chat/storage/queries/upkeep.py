"""What maintenance runs: merges of the full text, and the removal of what has had its time."""

from typing import Final

from sqlalchemy import LargeBinary, delete, select, text, tuple_

from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import sent_ids, token_families

MERGE_TEXT: Final = compiled(
    text("INSERT INTO room_text(room_text, rank) VALUES ('merge', :pages)").bindparams(parameter("pages"))
)

_KEY: Final = tuple_(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id)
_LAST_KEY: Final = tuple_(parameter("account"), parameter("device_id"), parameter("client_id", LargeBinary))
SENT_IDS_AFTER: Final = compiled(
    select(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id, sent_ids.c.time)
    .where(_KEY > _LAST_KEY)
    .order_by(sent_ids.c.account, sent_ids.c.device_id, sent_ids.c.client_id)
    .limit(parameter("rows"))
)
FORGET_SENT: Final = compiled(
    delete(sent_ids).where(
        sent_ids.c.account == parameter("account"),
        sent_ids.c.device_id == parameter("device_id"),
        sent_ids.c.client_id == parameter("client_id", LargeBinary),
    )
)
FORGET_IDLE_TOKENS: Final = compiled(
    delete(token_families).where(
        token_families.c.id.in_(
            select(token_families.c.id).where(token_families.c.last_used < parameter("before")).limit(parameter("rows"))
        )
    )
)

PROBE: Final = compiled(text("PRAGMA user_version = 1"))  # nothing reads it; SQLite writes its page all the same

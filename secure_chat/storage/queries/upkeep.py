"""What maintenance runs: merges of the full text, and the removal of what has had its time."""

from typing import Final

from sqlalchemy import delete, select, text

from secure_chat.storage.statements import compiled, parameter
from secure_chat.storage.tables import token_families

MERGE_TEXT: Final = compiled(
    text("INSERT INTO room_text(room_text, rank) VALUES ('merge', :pages)").bindparams(parameter("pages"))
)

FORGET_IDLE_TOKENS: Final = compiled(
    delete(token_families).where(
        token_families.c.id.in_(
            select(token_families.c.id).where(token_families.c.last_used < parameter("before")).limit(parameter("rows"))
        )
    )
)

PROBE: Final = compiled(text("PRAGMA user_version = 1"))  # nothing reads it; SQLite writes its page all the same

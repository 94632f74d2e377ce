"""Mailboxes, the log of direct messages, the ids of sent envelopes, who has written to whom."""

from typing import Final

from sqlalchemy import LargeBinary, delete, func, insert, null, select, text, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import correspondents, direct_log, mailboxes, marks, sent_envelopes

# --- what the journal loads at its start -----------------------------------------------------------

WAITING: Final = compiled(
    select(
        mailboxes.c.account, mailboxes.c.device_id, mailboxes.c.sender, mailboxes.c.sender_device_id, func.count()
    ).group_by(mailboxes.c.account, mailboxes.c.device_id, mailboxes.c.sender, mailboxes.c.sender_device_id)
)
NEWEST: Final = compiled(
    select(
        func.max(
            select(func.coalesce(func.max(direct_log.c.id), 0)).scalar_subquery(),
            select(func.coalesce(func.max(mailboxes.c.id), 0)).scalar_subquery(),
        )
    )
)
SENT_IDS: Final = compiled(
    select(sent_envelopes.c.account, sent_envelopes.c.device_id, sent_envelopes.c.envelope_id).limit(parameter("rows"))
)

IN_THE_LOG: Final = compiled(
    select(
        direct_log.c.sender,
        direct_log.c.sender_device_id,
        direct_log.c.envelope_id,
        direct_log.c.digest,
        direct_log.c.sent,
    ).where(direct_log.c.id > parameter("mark"))
)

# --- what it writes and looks up -------------------------------------------------------------------

ADD_MAIL: Final = insertion(mailboxes)
ADD_TO_LOG: Final = insertion(direct_log)
SENT: Final = compiled(
    select(sent_envelopes.c.digest, sent_envelopes.c.time).where(
        sent_envelopes.c.account == parameter("account"),
        sent_envelopes.c.device_id == parameter("device_id"),
        sent_envelopes.c.envelope_id == parameter("envelope_id", LargeBinary),
    )
)
PLACES: Final = compiled(
    select(mailboxes.c.id, mailboxes.c.sender, mailboxes.c.sender_device_id).where(
        mailboxes.c.account == parameter("account"),
        mailboxes.c.device_id == parameter("device_id"),
        mailboxes.c.envelope_id == parameter("envelope_id", LargeBinary),
    )
)
SET_DELIVERED: Final = compiled(
    update(direct_log).where(direct_log.c.id == parameter("mail_id")).values(delivered=parameter("now"))
)
FORGET_MAILBOX: Final = compiled(
    delete(mailboxes).where(
        mailboxes.c.account == parameter("account"), mailboxes.c.device_id == parameter("device_id")
    )
)
HAS_WRITTEN: Final = compiled(
    select(correspondents.c.sender).where(
        correspondents.c.sender == parameter("sender"), correspondents.c.recipient == parameter("recipient")
    )
)
ADD_CORRESPONDENT: Final = insertion(correspondents)
FORGET_CORRESPONDENTS: Final = compiled(delete(correspondents).where(correspondents.c.sender == parameter("sender")))

# --- ids on their way from the log to their table, many at a time -----------------------------------

MOVED: Final = compiled(select(marks.c.row).where(marks.c.name == "moved_envelopes"))
SET_MOVED: Final = compiled(
    text("INSERT OR REPLACE INTO marks(name, row) VALUES ('moved_envelopes', :row)").bindparams(parameter("row"))
)
MOVE: Final = compiled(
    insert(sent_envelopes)
    .prefix_with("OR REPLACE")
    .from_select(
        [column.name for column in sent_envelopes.columns],
        select(
            direct_log.c.sender,
            direct_log.c.sender_device_id,
            direct_log.c.envelope_id,
            direct_log.c.digest,
            direct_log.c.sent,
        )
        .where(direct_log.c.id > parameter("mark"))
        .order_by(direct_log.c.sender, direct_log.c.sender_device_id, direct_log.c.envelope_id),
    )
)
FORGET_DIGESTS: Final = compiled(update(direct_log).where(direct_log.c.id > parameter("mark")).values(digest=null()))

# --- what has had its time: always the oldest rows, some at a time -----------------------------------

OLD_MAIL: Final = compiled(
    select(
        mailboxes.c.id,
        mailboxes.c.account,
        mailboxes.c.device_id,
        mailboxes.c.envelope_id,
        mailboxes.c.sender,
        mailboxes.c.sender_device_id,
    )
    .where(
        mailboxes.c.id.in_(select(mailboxes.c.id).order_by(mailboxes.c.id).limit(parameter("rows"))),
        mailboxes.c.time < parameter("before"),
    )
    .order_by(mailboxes.c.id)
)
END_MAIL: Final = compiled(delete(mailboxes).where(mailboxes.c.id == parameter("mail_id")))
FORGET_LOG: Final = compiled(
    delete(direct_log).where(
        direct_log.c.id.in_(select(direct_log.c.id).order_by(direct_log.c.id).limit(parameter("rows"))),
        direct_log.c.sent < parameter("before"),
    )
)
MARK: Final = compiled(select(marks.c.row).where(marks.c.name == "sent_envelopes"))
SET_MARK: Final = compiled(
    text("INSERT OR REPLACE INTO marks(name, row) VALUES ('sent_envelopes', :row)").bindparams(parameter("row"))
)
LOGGED_AFTER: Final = compiled(
    select(
        direct_log.c.sender, direct_log.c.sender_device_id, direct_log.c.envelope_id, direct_log.c.id, direct_log.c.sent
    )
    .where(direct_log.c.id > parameter("mark"))
    .order_by(direct_log.c.id)
    .limit(parameter("rows"))
)
FORGET_SENT: Final = compiled(
    delete(sent_envelopes).where(
        sent_envelopes.c.account == parameter("account"),
        sent_envelopes.c.device_id == parameter("device_id"),
        sent_envelopes.c.envelope_id == parameter("envelope_id", LargeBinary),
        sent_envelopes.c.time < parameter("before"),
    )
)

# --- what devices read -----------------------------------------------------------------------------

MAIL: Final = compiled(
    select(mailboxes.c.id, mailboxes.c.envelope_id, mailboxes.c.frame)
    .where(
        mailboxes.c.account == parameter("account"),
        mailboxes.c.device_id == parameter("device_id"),
        mailboxes.c.id > parameter("after"),
    )
    .order_by(mailboxes.c.id)
    .limit(parameter("rows"))
)

"""Mailboxes, the log of direct messages, the ids of sent envelopes, who has written to whom."""

from typing import Final

from sqlalchemy import LargeBinary, delete, func, insert, null, select, text, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import (
    accounts,
    correspondents,
    direct_log,
    mail_places,
    mailboxes,
    marks,
    sent_envelopes,
)

# --- what the journal loads at its start -----------------------------------------------------------

WAITING: Final = compiled(
    select(
        mailboxes.c.account,
        mailboxes.c.device_id,
        mailboxes.c.sender,
        func.count(),
        func.sum(func.length(mailboxes.c.envelope)),
    ).group_by(mailboxes.c.account, mailboxes.c.device_id, mailboxes.c.sender)
)
PLACES_AFTER: Final = compiled(
    select(
        mailboxes.c.account,
        mailboxes.c.device_id,
        mailboxes.c.envelope_id,
        mailboxes.c.id,
        mailboxes.c.sender,
        func.length(mailboxes.c.envelope),
    )
    .where(mailboxes.c.id > parameter("mark"))
    .order_by(mailboxes.c.id)
    .limit(parameter("rows"))  # -1: all
)
NEWEST: Final = compiled(
    select(
        func.max(
            select(func.coalesce(func.max(direct_log.c.id), 0)).scalar_subquery(),
            select(func.coalesce(func.max(mailboxes.c.id), 0)).scalar_subquery(),
        )
    )
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
SET_DELIVERED: Final = compiled(
    update(direct_log)
    .where(direct_log.c.id.between(parameter("first"), parameter("last")))
    .values(delivered=parameter("now"))
)
FORGET_MAILBOX: Final = compiled(
    delete(mailboxes).where(
        mailboxes.c.account == parameter("account"), mailboxes.c.device_id == parameter("device_id")
    )
)
BYTES_IN_MAILBOX: Final = compiled(
    select(mailboxes.c.sender, func.sum(func.length(mailboxes.c.envelope)))
    .where(mailboxes.c.account == parameter("account"), mailboxes.c.device_id == parameter("device_id"))
    .group_by(mailboxes.c.sender)
)
HAS_WRITTEN: Final = compiled(
    select(correspondents.c.sender).where(
        correspondents.c.sender == parameter("sender"), correspondents.c.recipient == parameter("recipient")
    )
)
ADD_CORRESPONDENT: Final = insertion(correspondents)
FORGET_CORRESPONDENTS: Final = compiled(delete(correspondents).where(correspondents.c.sender == parameter("sender")))

# --- ids that are not known by heart any more, many at a time ------------------------------------------

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
        .where(direct_log.c.id > parameter("mark"), direct_log.c.id <= parameter("last"))
        .order_by(direct_log.c.sender, direct_log.c.sender_device_id, direct_log.c.envelope_id),
    )
)
FORGET_DIGESTS: Final = compiled(
    update(direct_log)
    .where(direct_log.c.id > parameter("mark"), direct_log.c.id <= parameter("last"), direct_log.c.digest.is_not(None))
    .values(digest=null())
)

# --- places that are not known by heart any more -----------------------------------------------------

PLACED: Final = compiled(select(marks.c.row).where(marks.c.name == "mail_places"))
SET_PLACED: Final = compiled(
    text("INSERT OR REPLACE INTO marks(name, row) VALUES ('mail_places', :row)").bindparams(parameter("row"))
)
ADD_PLACE: Final = insertion(mail_places)
PLACES: Final = compiled(
    select(mailboxes.c.id, mailboxes.c.sender, func.length(mailboxes.c.envelope))
    .join_from(mail_places, mailboxes, mailboxes.c.id == mail_places.c.mail_id)
    .where(
        mail_places.c.account == parameter("account"),
        mail_places.c.device_id == parameter("device_id"),
        mail_places.c.envelope_id == parameter("envelope_id", LargeBinary),
    )
)
FORGET_PLACE: Final = compiled(
    delete(mail_places).where(
        mail_places.c.account == parameter("account"),
        mail_places.c.device_id == parameter("device_id"),
        mail_places.c.envelope_id == parameter("envelope_id", LargeBinary),
        mail_places.c.mail_id == parameter("mail_id"),
    )
)
FORGET_PLACES: Final = compiled(
    delete(mail_places).where(
        mail_places.c.account == parameter("account"), mail_places.c.device_id == parameter("device_id")
    )
)

# --- what has had its time: always the oldest rows, some at a time -----------------------------------

OLD_MAIL: Final = compiled(
    select(
        mailboxes.c.account,
        mailboxes.c.device_id,
        mailboxes.c.envelope_id,
        mailboxes.c.id,
        mailboxes.c.sender,
        func.length(mailboxes.c.envelope),
    )
    .where(
        mailboxes.c.id.in_(select(mailboxes.c.id).order_by(mailboxes.c.id).limit(parameter("rows"))),
        mailboxes.c.time < parameter("before"),
    )
    .order_by(mailboxes.c.id)
)
END_MAIL: Final = compiled(delete(mailboxes).where(mailboxes.c.id.between(parameter("first"), parameter("last"))))
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
        direct_log.c.sender,
        direct_log.c.sender_device_id,
        direct_log.c.envelope_id,
        direct_log.c.id,
        direct_log.c.sent,
        direct_log.c.digest,
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
    select(mailboxes.c.id, mailboxes.c.envelope_id, mailboxes.c.envelope, mailboxes.c.time, accounts.c.name)
    .join_from(mailboxes, accounts, accounts.c.id == mailboxes.c.sender)
    .where(
        mailboxes.c.account == parameter("account"),
        mailboxes.c.device_id == parameter("device_id"),
        mailboxes.c.id > parameter("after"),
    )
    .order_by(mailboxes.c.id)
    .limit(parameter("rows"))
)

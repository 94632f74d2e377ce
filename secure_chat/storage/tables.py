"""The tables of the server's database, as the newest migration leaves them.

Times are milliseconds since 1970 UTC. Secrets are kept as hashes only, people's keys are public ones. Statements are
built from these tables once and compiled (`statements`); nothing else names a column.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

metadata: Final = MetaData()

# --- people --------------------------------------------------------------------------------------

# A deleted account keeps its row, so that its name, whatever looks like it, and its user id are never given again.
accounts: Final = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", LargeBinary(16), nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),  # in its mapped form
    Column("skeleton", Text, nullable=False, unique=True),
    Column("password_hash", LargeBinary, nullable=False),  # bcrypt; empty once deleted, or reset until the link is used
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("newest_list", Integer, ForeignKey("directory.row"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_login", BigInteger, nullable=False),
    CheckConstraint("role IN ('member', 'administrator')", name="known_role"),
    CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name="known_state"),
)

# Row i is leaf i of the key log: appended to, never changed.
directory: Final = Table(
    "directory",
    metadata,
    Column("row", Integer, primary_key=True),  # from 0, without gaps
    Column("type", Integer, nullable=False),  # LeafType
    Column("user_id", LargeBinary(16), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # DLH
    Column("time", BigInteger, nullable=False),
    Column("device_list", LargeBinary),  # signed; only where the row is about one
)

# Every device that was ever listed, so that no key ever comes back under another number or account.
devices: Final = Table(
    "devices",
    metadata,
    Column("account", Integer, ForeignKey("accounts.id"), primary_key=True),
    Column("device_id", BigInteger, primary_key=True),
    Column("identity_key", LargeBinary(32), nullable=False),  # whose list it first was in
    Column("signing_key", LargeBinary(32), nullable=False, unique=True),
    Column("dh_key", LargeBinary(32), nullable=False),
    Column("dh_point", LargeBinary(32), nullable=False, unique=True),  # equal for all forms of one key
    Column("listed", Integer, nullable=False),  # 1: in the newest list
    Column("counter", BigInteger, nullable=False),  # the highest seen, against cloned stores
    Column("added", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

signed_prekeys: Final = Table(
    "signed_prekeys",
    metadata,
    Column("account", Integer, primary_key=True),
    Column("device_id", BigInteger, primary_key=True),
    Column("prekey", LargeBinary(1297), nullable=False),  # the newest, with its signature
    Column("received", BigInteger, nullable=False),
)

one_time_prekeys: Final = Table(
    "one_time_prekeys",
    metadata,
    Column("id", Integer, primary_key=True),  # handed out in this order
    Column("account", Integer, nullable=False),
    Column("device_id", BigInteger, nullable=False),
    Column("prekey_id", LargeBinary(8), nullable=False),
    Column("prekey", LargeBinary(1288), nullable=False),  # with its signature
    Column("received", BigInteger, nullable=False),
    UniqueConstraint("account", "device_id", "prekey_id"),
)

# One-time prekeys that were handed out or withdrawn, so that none comes back; and who got how many of them.
spent_prekeys: Final = Table(
    "spent_prekeys",
    metadata,
    Column("id", Integer, primary_key=True),  # in order of time
    Column("account", Integer, nullable=False),
    Column("device_id", BigInteger, nullable=False),
    Column("prekey_id", LargeBinary(8), nullable=False),
    Column("requester", Integer),  # NULL: withdrawn by its device
    Column("received", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    UniqueConstraint("account", "device_id", "prekey_id"),
    Index("ix_spent_prekeys_requester", "requester", "time"),
)

# What waits for devices. A row ends with its acknowledgement, and its bytes are overwritten (`database`). No foreign
# keys here and below: these are written for every message, from state that was loaded through those keys.
mailboxes: Final = Table(
    "mailboxes",
    metadata,
    Column("id", Integer, primary_key=True),  # that of the row in `direct_log`; pushed in this order
    Column("account", Integer, nullable=False),
    Column("device_id", BigInteger, nullable=False),
    Column("envelope_id", LargeBinary(16), nullable=False),
    Column("sender", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),  # its frame is made of it; four short ones share a page
    Index("ix_mailboxes_device", "account", "device_id"),
)

# Where envelopes lie, of the mail up to the mark "mail_places". Of what came after it the journal knows that by heart,
# and mostly that is all: an index over random ids would cost every message two pages.
mail_places: Final = Table(
    "mail_places",
    metadata,
    Column("account", Integer, primary_key=True),
    Column("device_id", BigInteger, primary_key=True),
    Column("envelope_id", LargeBinary(16), primary_key=True),
    Column("mail_id", Integer, primary_key=True),  # two senders may have used one id
    sqlite_with_rowid=False,
)

# Who sent whom how much and when, never what.
direct_log: Final = Table(
    "direct_log",
    metadata,
    Column("id", Integer, primary_key=True),  # rises over all devices
    Column("envelope_id", LargeBinary(16), nullable=False),
    Column("sender", Integer, nullable=False),
    Column("sender_device_id", BigInteger, nullable=False),
    Column("account", Integer, nullable=False),
    Column("device_id", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),  # of the envelope: one of some dozens, that of the padding
    Column("sent", BigInteger, nullable=False),
    Column("delivered", BigInteger),  # when the device acknowledged it
    Column("digest", LargeBinary(16)),  # of the envelope, as long as its id is known by heart
)

# Envelopes by the id that their sender gave them, so that a repeat is known from another use of the id: of the log's
# rows up to the mark "moved_envelopes". Of those after it the journal knows them by heart.
sent_envelopes: Final = Table(
    "sent_envelopes",
    metadata,
    Column("account", Integer, primary_key=True),
    Column("device_id", BigInteger, primary_key=True),
    Column("envelope_id", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("time", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Who has ever written to whom: the last one-time prekeys are for people whom their owner has written to.
correspondents: Final = Table(
    "correspondents",
    metadata,
    Column("sender", Integer, primary_key=True),
    Column("recipient", Integer, primary_key=True),
    sqlite_with_rowid=False,
)

invites: Final = Table(
    "invites",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("purpose", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("rooms", Text, nullable=False),  # names, a space between
    Column("name", Text, nullable=False),  # the one it is bound to, or empty
    Column("made_by", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("used_by", Integer, ForeignKey("accounts.id")),
    Column("used", BigInteger),
    Column("proof", LargeBinary(32)),
    Column("revoked", BigInteger),
    Column("inviter", Integer, ForeignKey("accounts.id"), index=True),  # whose client made the link; NULL: an operator
    Column("settled", BigInteger),  # when that client had dealt with its use
    CheckConstraint("purpose IN ('join', 'reset')", name="known_purpose"),
    CheckConstraint("role IN ('member', 'administrator')", name="known_role"),
)

# --- sessions ------------------------------------------------------------------------------------

# One family of resume tokens for each device: the current one, and one that is not confirmed yet.
token_families: Final = Table(
    "token_families",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("device_id", BigInteger, nullable=False),
    Column("current_hash", LargeBinary(32), nullable=False, unique=True),
    Column("pending_hash", LargeBinary(32), unique=True),
    Column("issued", BigInteger, nullable=False),  # when the current one became it
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
    Column("revoked", BigInteger),  # a spent token was shown, or the device logged out: none is good any more
    UniqueConstraint("account", "device_id"),
    Index("ix_token_families_last_used", "last_used"),
)

# Tokens whose successor was confirmed: who shows one has copied it.
spent_tokens: Final = Table(
    "spent_tokens",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("family", Integer, ForeignKey("token_families.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("confirmed", BigInteger, nullable=False),  # when its successor was
    sqlite_with_rowid=False,
)

# --- rooms ---------------------------------------------------------------------------------------

rooms: Final = Table(
    "rooms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("head", BigInteger, nullable=False),  # number of the newest event
    Column("first", BigInteger, nullable=False),  # number of the oldest event that is kept
    Column("members", Integer, nullable=False),  # how many rows of `memberships` name it
    Column("created", BigInteger, nullable=False),
    Column("created_by", Integer, ForeignKey("accounts.id")),  # NULL: the operator
)

memberships: Final = Table(
    "memberships",
    metadata,
    Column("account", Integer, ForeignKey("accounts.id"), primary_key=True),
    Column("room", Integer, ForeignKey("rooms.id"), primary_key=True, index=True),
    Column("joined", BigInteger, nullable=False),  # number of the joining event
    sqlite_with_rowid=False,
)

# `id` rises over all rooms: full text wants ascending rows, and a search pages by it. No foreign keys: it is written
# for every message, from state that was loaded through those keys.
room_log: Final = Table(
    "room_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("room", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),  # from 1, without gaps
    Column("time", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),  # EventKind
    Column("account", Integer),  # who said, came, went or kicked
    Column("device_id", BigInteger),  # with `client_id`: what it was sent under, if by somebody's request
    Column("client_id", LargeBinary(16)),
    Column("digest", LargeBinary(16)),  # of what was asked, so that a repeat is known from another use of the id
    Column("body", Text),  # of a message: what is searched
    Column("frame", LargeBinary, nullable=False),  # as every member receives it
    UniqueConstraint("room", "number"),
)

# What was sent under which id, of the log's rows up to the mark "sent_ids": many rows at a time are put here in order
# of their key, because the senders of one transaction would each cost it a page.
sent_ids: Final = Table(
    "sent_ids",
    metadata,
    Column("account", Integer, primary_key=True),
    Column("device_id", BigInteger, primary_key=True),
    Column("client_id", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("room", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

marks: Final = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row", Integer, nullable=False),  # of `room_log`, `direct_log` or `mailboxes`: up to here it is done
    sqlite_with_rowid=False,
)

# --- what the tables alone cannot say ------------------------------------------------------------

# Merging inside a message's transaction would hold it up: merges are steps of their own (`maintenance`).
# 16 segments at once: each text is written three times or so until a million are merged, four at once make it ten.
EXTRA_DDL: Final = (
    """
CREATE VIRTUAL TABLE room_text USING fts5
(body, content='room_log', content_rowid='id', columnsize=0, tokenize='unicode61 remove_diacritics 2')
""",
    "INSERT INTO room_text(room_text, rank) VALUES ('automerge', 0)",
    "INSERT INTO room_text(room_text, rank) VALUES ('usermerge', 16)",
    "INSERT INTO room_text(room_text, rank) VALUES ('crisismerge', 256)",
    """
CREATE TRIGGER directory_is_never_changed BEFORE UPDATE ON directory
BEGIN SELECT RAISE(ABORT, 'the directory is append-only'); END
""",
    """
CREATE TRIGGER directory_is_never_shortened BEFORE DELETE ON directory
BEGIN SELECT RAISE(ABORT, 'the directory is append-only'); END
""",
    """
CREATE TRIGGER directory_has_no_gap BEFORE INSERT ON directory
WHEN NEW.row <> (SELECT coalesce(max(row), -1) + 1 FROM directory)
BEGIN SELECT RAISE(ABORT, 'the directory has no gaps'); END
""",
)


def _make_what_is_no_table(_: MetaData, connection: Connection, **__: object) -> None:
    for statement in EXTRA_DDL:
        connection.exec_driver_sql(statement)


event.listen(metadata, "after_create", _make_what_is_no_table)

"""Revision 0001: accounts, directory, prekeys, mailboxes, invites, tokens, rooms, their log and its full text."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _keys()
    _direct_messages()
    _sessions()
    _rooms()
    _full_text()
    _append_only_directory()


def _people() -> None:
    op.create_table(
        "directory",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.LargeBinary(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("device_list", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("ix_directory_user_id", "directory", ["user_id"])
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.LargeBinary(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("skeleton", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("newest_list", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_login", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("role IN ('member', 'administrator')", name="known_role"),
        sa.CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name="known_state"),
        sa.UniqueConstraint("user_id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("skeleton"),
        sa.ForeignKeyConstraint(["newest_list"], ["directory.row"]),
    )
    op.create_table(
        "invites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("rooms", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("used_by", sa.Integer()),
        sa.Column("used", sa.BigInteger()),
        sa.Column("proof", sa.LargeBinary(32)),
        sa.Column("revoked", sa.BigInteger()),
        sa.Column("inviter", sa.Integer()),
        sa.Column("settled", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("purpose IN ('join', 'reset')", name="known_purpose"),
        sa.CheckConstraint("role IN ('member', 'administrator')", name="known_role"),
        sa.UniqueConstraint("token_hash"),
        sa.ForeignKeyConstraint(["used_by"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["inviter"], ["accounts.id"]),
    )
    op.create_index("ix_invites_inviter", "invites", ["inviter"])


def _keys() -> None:
    op.create_table(
        "devices",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("identity_key", sa.LargeBinary(32), nullable=False),
        sa.Column("signing_key", sa.LargeBinary(32), nullable=False),
        sa.Column("dh_key", sa.LargeBinary(32), nullable=False),
        sa.Column("dh_point", sa.LargeBinary(32), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "device_id"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.UniqueConstraint("signing_key"),
        sa.UniqueConstraint("dh_point"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signed_prekeys",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("prekey", sa.LargeBinary(1297), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "device_id"),
    )
    op.create_table(
        "one_time_prekeys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("prekey_id", sa.LargeBinary(8), nullable=False),
        sa.Column("prekey", sa.LargeBinary(1288), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "device_id", "prekey_id"),
    )
    op.create_table(
        "spent_prekeys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("prekey_id", sa.LargeBinary(8), nullable=False),
        sa.Column("requester", sa.Integer()),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "device_id", "prekey_id"),
    )
    op.create_index("ix_spent_prekeys_requester", "spent_prekeys", ["requester", "time"])


def _direct_messages() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("envelope_id", sa.LargeBinary(16), nullable=False),
        sa.Column("sender", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mailboxes_device", "mailboxes", ["account", "device_id"])
    op.create_table(
        "mail_places",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("envelope_id", sa.LargeBinary(16), nullable=False),
        sa.Column("mail_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "device_id", "envelope_id", "mail_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "direct_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("envelope_id", sa.LargeBinary(16), nullable=False),
        sa.Column("sender", sa.Integer(), nullable=False),
        sa.Column("sender_device_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger()),
        sa.Column("digest", sa.LargeBinary(16)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sent_envelopes",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("envelope_id", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "device_id", "envelope_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "correspondents",
        sa.Column("sender", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "recipient"),
        sqlite_with_rowid=False,
    )


def _sessions() -> None:
    op.create_table(
        "token_families",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("current_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("pending_hash", sa.LargeBinary(32)),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_used", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "device_id"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.UniqueConstraint("current_hash"),
        sa.UniqueConstraint("pending_hash"),
    )
    op.create_index("ix_token_families_last_used", "token_families", ["last_used"])
    op.create_table(
        "spent_tokens",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
        sa.ForeignKeyConstraint(["family"], ["token_families.id"], ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spent_tokens_family", "spent_tokens", ["family"])


def _rooms() -> None:
    op.create_table(
        "rooms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Integer()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.ForeignKeyConstraint(["created_by"], ["accounts.id"]),
    )
    op.create_table(
        "memberships",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("joined", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "room"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"]),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memberships_room", "memberships", ["room"])
    op.create_table(
        "room_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("account", sa.Integer()),
        sa.Column("device_id", sa.BigInteger()),
        sa.Column("client_id", sa.LargeBinary(16)),
        sa.Column("digest", sa.LargeBinary(16)),
        sa.Column("body", sa.Text()),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("room", "number"),
    )
    op.create_table(
        "sent_ids",
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "device_id", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )


def _full_text() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE room_text USING fts5"
        "(body, content='room_log', content_rowid='id', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
    )
    op.execute("INSERT INTO room_text(room_text, rank) VALUES ('automerge', 0)")
    op.execute("INSERT INTO room_text(room_text, rank) VALUES ('usermerge', 16)")
    op.execute("INSERT INTO room_text(room_text, rank) VALUES ('crisismerge', 256)")


def _append_only_directory() -> None:
    op.execute(
        "CREATE TRIGGER directory_is_never_changed BEFORE UPDATE ON directory"
        " BEGIN SELECT RAISE(ABORT, 'the directory is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER directory_is_never_shortened BEFORE DELETE ON directory"
        " BEGIN SELECT RAISE(ABORT, 'the directory is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER directory_has_no_gap BEFORE INSERT ON directory"
        " WHEN NEW.row <> (SELECT coalesce(max(row), -1) + 1 FROM directory)"
        " BEGIN SELECT RAISE(ABORT, 'the directory has no gaps'); END"
    )

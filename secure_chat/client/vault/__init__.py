"""One account's secrets on one device: a locked SQLite file whose rows are sealed under a passphrase."""

"""The server's database: what is true, decided and written in one place."""

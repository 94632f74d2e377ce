"""Direct messages: contacts and their keys, sessions, sending and receiving, all of it in the vault first."""

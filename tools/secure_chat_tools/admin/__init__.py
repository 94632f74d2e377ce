"""The command secure-chat-admin: people, invites and sessions of a server, running or stopped."""

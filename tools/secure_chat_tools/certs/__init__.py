"""The command secure-chat-certs: makes, issues, shows and verifies what a server's connections rest on."""

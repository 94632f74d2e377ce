"""The line client: a prompt, and one line of words for everything that happens."""

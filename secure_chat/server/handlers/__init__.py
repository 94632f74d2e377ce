"""What each command of the wire means: a reply at once, a journal entry, or a question to another thread."""

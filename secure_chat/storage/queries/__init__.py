"""Every statement of the journal, compiled once, by what it is about."""

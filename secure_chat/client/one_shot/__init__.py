"""Commands that do one thing and end: data on standard output, talk on standard error."""

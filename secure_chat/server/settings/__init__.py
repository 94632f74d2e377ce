"""What the operator's programs share: settings, where the server's files lie, how the running server is asked."""

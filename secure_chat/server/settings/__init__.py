"""What an operator may set: types, sources and where the server's files lie."""

"""Everything that touches a secret of a conversation; pure; imported by the client only."""

"""Bytes and types of the wire; pure: no socket, disk, clock or thread."""

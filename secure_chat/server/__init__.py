"""Threads, sockets, journal, rooms, handlers."""

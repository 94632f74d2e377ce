"""Which module runs which command; loaded only when it is wanted."""

import os
from typing import Protocol

from secure_chat.client.arguments import CHAT, Arguments
from secure_chat.client.one_shot.account import Surroundings, path_or_none
from secure_chat.client.one_shot.output import Output
from secure_chat.client.settings import load_settings
from secure_chat.errors import UsageInvalid


class Command(Protocol):
    """A module of this package."""

    def run(self, surroundings: Surroundings) -> int:
        """Do it; returns the exit code."""


def run(arguments: Arguments) -> int:
    """Run the command; returns the exit code. Raises the error that ends it."""
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    flags = {"profile": arguments.profile, "data": arguments.data, "passphrase_file": arguments.passphrase_file}
    settings = load_settings(flags, path_or_none(arguments.config))
    surroundings = Surroundings(arguments, settings, Output(arguments.json, arguments.quiet, arguments.verbose))
    return _module_of(arguments.command).run(surroundings)


def _module_of(command: str) -> Command:
    for table in (_of_the_account, _of_rooms, _of_this_machine):
        module = table(command)
        if module is not None:
            return module
    raise UsageInvalid(f"There is no command {command}.")


def _of_the_account(command: str) -> Command | None:
    if command == "join":
        from secure_chat.client.one_shot import join

        return join
    if command == "login":
        from secure_chat.client.one_shot import login

        return login
    if command == "logout":
        from secure_chat.client.one_shot import logout

        return logout
    if command == "invite":
        from secure_chat.client.one_shot import invite

        return invite
    if command == "passwd":
        from secure_chat.client.one_shot import passwd

        return passwd
    return None


def _of_rooms(command: str) -> Command | None:
    if command == "send":
        from secure_chat.client.one_shot import send

        return send
    if command == "read":
        from secure_chat.client.one_shot import read

        return read
    if command == "history":
        from secure_chat.client.one_shot import history

        return history
    if command == "search":
        from secure_chat.client.one_shot import search

        return search
    if command == "rooms":
        from secure_chat.client.one_shot import rooms

        return rooms
    if command == "users":
        from secure_chat.client.one_shot import users

        return users
    return None


def _of_this_machine(command: str) -> Command | None:
    if command == CHAT:
        from secure_chat.client.one_shot import chat

        return chat
    if command == "status":
        from secure_chat.client.one_shot import status

        return status
    if command == "demo":
        from secure_chat.client.one_shot import demo

        return demo
    if command == "config":
        from secure_chat.client.one_shot import config

        return config
    return None

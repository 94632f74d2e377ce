"""The command secure-chat-certs from its arguments to its exit code."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from secure_chat.errors import CertificateError
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat_tools import command_line
from secure_chat_tools.certs.arguments import PROGRAM, Arguments, parse
from secure_chat_tools.screen import Screen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of the process or those given; return its exit code."""
    return command_line.run(PROGRAM, parse, _work, CertificateError, arguments)


def _work(given: Arguments, screen: Screen) -> int:
    screen.explain(f"directory {given.directory.absolute()} ({given.origin})")
    from secure_chat_tools.certs.commands import Run  # what loads certificates; help and mistakes do without
    from secure_chat_tools.certs.wording import show

    run = Run(given, datetime.now(UTC))
    for fact in run.facts():
        show(fact, given.command, screen)
    for sentence in run.advice:
        screen.advise(sentence)
    return ExitCode.OK if run.failure is None else exit_code_of(run.failure)


if __name__ == "__main__":
    sys.exit(main())

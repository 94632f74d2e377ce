"""The command secure-chat-certs from its arguments to its exit code."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from secure_chat.errors import CertificateError, ChatError
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat_tools.certs.arguments import Arguments, parse
from secure_chat_tools.certs.screen import Screen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of the process or those given; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    screen = Screen(sys.stdout, sys.stderr, json="--json" in given)
    try:
        parsed = parse(given)
        screen = Screen.of(parsed, sys.stdout, sys.stderr)
        return _run(parsed, screen)
    except ChatError as error:
        screen.refuse(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Who read the output has enough of it; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        failed = CertificateError(f"{error.filename or 'A file'} cannot be used: {error.strerror}.")
        screen.refuse(failed)
        return exit_code_of(failed)


def _run(given: Arguments, screen: Screen) -> int:
    screen.explain(f"directory {given.directory.absolute()} ({given.origin})")
    from secure_chat_tools.certs.commands import Run  # what loads certificates; help and mistakes do without

    run = Run(given, datetime.now(UTC))
    for fact in run.facts():
        screen.show(fact, given.command)
    for sentence in run.advice:
        screen.advise(sentence)
    return ExitCode.OK if run.failure is None else exit_code_of(run.failure)


if __name__ == "__main__":
    sys.exit(main())

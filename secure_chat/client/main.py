"""The command secure-chat: reads its arguments, loads what the command needs, and ends with its exit code."""

import sys
from collections.abc import Sequence

from secure_chat.client.arguments import Arguments, parse
from secure_chat.client.last_output import settle_output
from secure_chat.errors import ChatError
from secure_chat.exit_codes import ExitCode, exit_code_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    parsed = Arguments(json="--json" in given)  # so that who wants objects gets one for a slip in the rest as well
    try:
        parsed = parse(given)
        return _run(parsed)
    except ChatError as error:
        from secure_chat.client.one_shot.output import Output

        Output(json=parsed.json).error(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        settle_output()  # whoever read our output has seen enough
        return ExitCode.OK


def _run(arguments: Arguments) -> int:
    from secure_chat.client.one_shot.commands import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())

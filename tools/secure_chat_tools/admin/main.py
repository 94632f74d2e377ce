"""The command secure-chat-admin from its arguments to its exit code."""

import shlex
import sys
from collections.abc import Sequence

from secure_chat.errors import DataDirectoryUnusable
from secure_chat.exit_codes import ExitCode
from secure_chat_tools import command_line
from secure_chat_tools.admin.arguments import PROGRAM, Arguments, parse
from secure_chat_tools.screen import Screen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of the process or those given; return its exit code."""
    return command_line.run(PROGRAM, parse, _work, DataDirectoryUnusable, arguments)


def _work(given: Arguments, screen: Screen) -> int:
    # What loads settings, certificates and the database; help and mistakes do without.
    from secure_chat.server.settings.sources import SettingsSources
    from secure_chat_tools.admin.commands import Run
    from secure_chat_tools.admin.wording import show

    sources = SettingsSources.of_process(config=given.config)
    loaded = sources.load()
    screen.explain(f"settings {', '.join(map(str, loaded.files)) or 'by default'}")
    if passed_over := sources.passed_over():
        screen.advise(
            f"This is about the server of {loaded.settings.data}. "
            f"The one of this directory: {PROGRAM} --config {shlex.quote(str(passed_over))}"
        )
    run = Run(given, loaded.settings, screen)
    show(run.facts(), given.command, screen)
    for sentence in run.advice:
        screen.advise(sentence)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())

"""People for tests who answer what join and login ask, from a list."""

from pathlib import Path

from secure_chat.client.answers import Answers
from secure_chat.client.join import Joining
from secure_chat.client.profiles import Profiles, VaultOptions
from secure_chat.client.recovery import Recovering
from secure_chat.protocol.link import parse_link
from tests.support.cheap_client import CHEAP
from tests.support.client_people import PASSPHRASE


class Scripted:
    """Answers in the order asked; `said` and `prompts` hold what the person saw. A callable is run for its answer."""

    def __init__(self, *answers: str, repeats: bool = True) -> None:
        self.repeats = repeats
        self.said: list[str] = []
        self.prompts: list[str] = []
        self._answers = list(answers)

    def line(self, prompt: str) -> str:
        """The next answer; Ctrl-C when there is none left."""
        self.prompts.append(prompt)
        if not self._answers:
            raise KeyboardInterrupt
        return self._answers.pop(0)

    def hidden(self, prompt: str) -> str:
        """The next answer."""
        return self.line(prompt)

    def seen_once(self, prompt: str) -> str:
        """The next answer."""
        return self.line(prompt)

    def say(self, text: str) -> None:
        """Keep what was said."""
        self.said.append(text)


class Machine:
    """One person's machine: its profiles, and the recovery key that was shown there last."""

    def __init__(self, home: Path) -> None:
        self.profiles = Profiles(home, VaultOptions(cost=CHEAP))
        self.home = home
        self.recovery_key = ""
        self.recovery_link = ""

    def joining(self, link: str, asking: Scripted) -> Joining:
        """A `join` about to begin."""
        return Joining(parse_link(link), self.profiles, Answers(asking), self._show)

    def recovering(self, link: str, asking: Scripted, *, yes: bool = False) -> Recovering:
        """A `login LINK` about to begin."""
        return Recovering(parse_link(link), self.profiles, Answers(asking, yes=yes), self._show)

    def files(self) -> list[Path]:
        """Everything on its disk but the lock that all profiles share, which says nothing."""
        shared = self.profiles.root / "lock"
        return [path for path in self.home.rglob("*") if path.is_file() and path != shared]

    def _show(self, key: str, link: str) -> None:
        self.recovery_key, self.recovery_link = key, link


def newcomer(name: str, passphrase: str = PASSPHRASE) -> Scripted:
    """Somebody who answers the three questions of a join."""
    return Scripted(name, passphrase, passphrase)

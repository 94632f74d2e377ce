"""What follows a command's name: how many words, which options, and the error that says how it is typed."""

from typing import NoReturn

from secure_chat.errors import UsageInvalid


def misused(name: str, sentence: str) -> NoReturn:
    """Raise `UsageInvalid`, whose next step is the help of that command."""
    raise UsageInvalid(f"{sentence} Nothing was done.", hint=f"/help {name} explains it")


def one_word(argument: str, name: str, sentence: str) -> str:
    """The only word of an argument. Raises `UsageInvalid` with `sentence`, which says what is missing or too much."""
    words = argument.split()
    if len(words) != 1:
        misused(name, sentence)
    return words[0]


def nothing(argument: str, name: str) -> None:
    """Check that nothing follows. Raises `UsageInvalid`."""
    if argument.strip():
        misused(name, f"/{name} stands alone.")


def without_option(argument: str, option: str) -> tuple[list[str], bool]:
    """The words of an argument but `option`, and whether that was among them."""
    words = argument.split()
    return [word for word in words if word != option], option in words

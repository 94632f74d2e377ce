"""What a person types to search, as an expression of full text in which nothing but words has a meaning."""

import unicodedata


def expression_of(words: str) -> str:
    """All words, each as a quoted string; empty when there is nothing to search for.

    A word without a letter or a digit is left out: full text has nothing to find it by.
    """
    quoted = ['"' + word.replace('"', '""') + '"' for word in _without_controls(words).split() if _has_token(word)]
    return " ".join(quoted)


def _without_controls(text: str) -> str:
    # A zero would end the expression; lone surrogates cannot be bound.
    return "".join(" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)


def _has_token(word: str) -> bool:
    return any(unicodedata.category(character)[0] in "LN" for character in word)

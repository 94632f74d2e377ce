"""The formal models: each that must hold has a control that must not, and ProVerif agrees where it is installed."""

import difflib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

DIRECTORY: Final = Path(__file__).parent
PROVERIF: Final = shutil.which("proverif")
SLOW_SECONDS: Final = 30  # what takes longer is run with the long tests
MAX_CHANGED_LINES: Final = 12  # of a control: one protection is taken away, nothing else

_ROW: Final = re.compile(
    r"^\| (?P<file>\w+\.pv) \| (?P<control_of>\w+\.pv)? ?\| (?P<answers>[a-z, ]+) \| [^|]+ \| (?P<seconds>\d+) \|$",
    re.MULTILINE,
)
_COMMENT: Final = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_RESULT: Final = re.compile(r"^RESULT .* (?P<answer>is true|is false|cannot be proved)", re.MULTILINE)

pytestmark = pytest.mark.negative(37)


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the README's table."""

    file: str
    control_of: str
    answers: tuple[str, ...]  # one for each query: true, false or any
    seconds: int


def models() -> list[Model]:
    readme = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    return [
        Model(match["file"], match["control_of"] or "", tuple(match["answers"].split(", ")), int(match["seconds"]))
        for match in _ROW.finditer(readme)
    ]


def lines_of(file: str) -> list[str]:
    """A model without its comments."""
    text = _COMMENT.sub("", (DIRECTORY / file).read_text(encoding="utf-8"))
    return [line.strip() for line in text.splitlines() if line.strip()]


def run(model: Model) -> list[str]:
    assert PROVERIF is not None
    done = subprocess.run(
        [PROVERIF, str(DIRECTORY / model.file)], capture_output=True, text=True, timeout=1800, check=True
    )
    return [match["answer"].removeprefix("is ") for match in _RESULT.finditer(done.stdout)]


def assert_answers(model: Model) -> None:
    answers = run(model)
    assert len(answers) == len(model.answers)
    assert all(wanted in ("any", answer) for wanted, answer in zip(model.answers, answers, strict=True)), answers


def test_every_source_stands_in_the_table() -> None:
    assert sorted(model.file for model in models()) == sorted(path.name for path in DIRECTORY.glob("*.pv"))


def test_every_model_that_must_hold_has_a_control_that_must_not() -> None:
    controlled = {model.control_of for model in models()}
    for model in models():
        if model.control_of:
            assert "false" in model.answers, model.file
        else:
            assert set(model.answers) == {"true"}, model.file
            assert model.file in controlled


def test_a_source_has_as_many_queries_as_the_table_has_answers() -> None:
    for model in models():
        queries = [line for line in lines_of(model.file) if line.startswith("query ")]
        assert len(queries) == len(model.answers), model.file


def test_a_control_differs_from_its_model_in_the_protection_that_is_gone_and_in_nothing_else() -> None:
    for model in models():
        if model.control_of:
            difference = difflib.ndiff(lines_of(model.control_of), lines_of(model.file))
            changed = [line for line in difference if line[0] in "+-"]
            assert 0 < len(changed) <= MAX_CHANGED_LINES, (model.file, changed)


@pytest.mark.skipif(PROVERIF is None, reason="ProVerif is not installed: the models are not confirmed here")
@pytest.mark.parametrize("model", [each for each in models() if each.seconds <= SLOW_SECONDS], ids=lambda m: m.file)
def test_proverif_answers_what_the_table_says(model: Model) -> None:
    assert_answers(model)


@pytest.mark.long
@pytest.mark.skipif(PROVERIF is None, reason="ProVerif is not installed: the models are not confirmed here")
@pytest.mark.parametrize("model", [each for each in models() if each.seconds > SLOW_SECONDS], ids=lambda m: m.file)
def test_proverif_answers_what_the_table_says_also_where_it_takes_long(model: Model) -> None:
    assert_answers(model)

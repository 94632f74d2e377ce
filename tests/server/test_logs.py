"""The log: who may read it, what it never holds, and that nobody waits for it."""

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secure_chat.errors import DataDirectoryUnusable
from secure_chat.limits import (
    LOG_FILE_BYTES,
    MAX_LOG_LINE_CHARACTERS,
    MAX_TRACEBACK_LINES,
    MAX_WAITING_LOG_LINES,
    MIN_LOG_FILE_BYTES,
)
from secure_chat.server import logs
from secure_chat.server.logs import LogWriter
from secure_chat.server.settings.model import Log, LogFormat, LogLevel

LOGGER = logging.getLogger("secure_chat.connections")


@contextmanager
def writing(path: Path, log: Log) -> Iterator[LogWriter]:
    path.parent.mkdir(exist_ok=True)
    writer = LogWriter(path, log)
    writer.collect()
    writer.start()
    try:
        yield writer
    finally:
        writer.close()


def quiet(level: LogLevel = "info", form: LogFormat = "text", file_bytes: int = LOG_FILE_BYTES, files: int = 5) -> Log:
    return Log(level=level, format=form, standard_error=False, file_bytes=file_bytes, files=files)


def test_a_line_has_time_level_and_topic(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet()):
        LOGGER.info("connection %d from %s", 7, "10.0.0.5")
    line = (tmp_path / "app.log").read_text(encoding="utf-8")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO connections: connection 7 from 10\.0\.0\.5\n", line
    )


def test_the_file_is_for_its_owner_alone_even_when_it_was_looser_before(tmp_path: Path) -> None:
    (tmp_path / "app.log").touch(mode=0o644)
    with writing(tmp_path / "app.log", quiet()):
        LOGGER.info("hello")
    assert (tmp_path / "app.log").stat().st_mode & 0o777 == 0o600


def test_no_text_forges_a_line_or_reaches_a_terminal(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet()):
        LOGGER.info(
            "name %s", "eve\n2026-01-01T00:00:00.000Z INFO accounts: root logged in\x1b]52;c;x\x07\u202e\x00\x9b2J"
        )
    text = (tmp_path / "app.log").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1
    assert all(character.isprintable() for character in text.rstrip("\n"))


def test_a_traceback_is_marked_so_that_none_of_its_lines_passes_for_another(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet()):
        try:
            raise ValueError("bad\n2026-01-01T00:00:00.000Z INFO forged: line")
        except ValueError:
            LOGGER.exception("broke")
    lines = (tmp_path / "app.log").read_text(encoding="utf-8").splitlines()
    assert "ERROR connections: broke" in lines[0]
    assert len(lines) > 2
    assert all(line.startswith(logs.TRACE_MARK) for line in lines[1:])


def test_json_lines_are_one_object_each(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet(form="json")):
        LOGGER.warning("slow %s", "a\nb")
        try:
            raise ValueError("x")
        except ValueError:
            LOGGER.exception("broke")
    first, second = (json.loads(line) for line in (tmp_path / "app.log").read_text(encoding="utf-8").splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("WARNING", "connections", r"slow a\nb")
    assert any("ValueError" in line for line in second["traceback"])


def test_absurd_lines_and_tracebacks_are_cut(tmp_path: Path) -> None:
    def odd(depth: int) -> None:
        even(depth - 1)

    def even(depth: int) -> None:
        if depth < 0:
            raise ValueError
        odd(depth - 1)

    with writing(tmp_path / "app.log", quiet()):
        LOGGER.info("x" * 100_000)
        try:
            even(100)
        except ValueError:
            LOGGER.exception("broke")
    lines = (tmp_path / "app.log").read_text(encoding="utf-8").splitlines()
    assert MAX_LOG_LINE_CHARACTERS < len(lines[0]) < MAX_LOG_LINE_CHARACTERS + 100
    assert lines[0].endswith("…")
    assert len(lines) == 2 + MAX_TRACEBACK_LINES


def test_files_are_rotated_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet(file_bytes=MIN_LOG_FILE_BYTES, files=2)):
        for number in range(400):
            LOGGER.info("line %d %s", number, "." * 60)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["app.log", "app.log.1", "app.log.2"]
    assert all((tmp_path / name).stat().st_size <= MIN_LOG_FILE_BYTES for name in files)
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in files)
    newest_first = [(tmp_path / name).read_text(encoding="utf-8") for name in files]
    numbers = [int(number) for text in reversed(newest_first) for number in re.findall(r"line (\d+)", text)]
    assert numbers == list(range(numbers[0], 400))


def test_a_full_queue_drops_and_counts_and_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    write = logs.RotatedFile.write

    def slow(file: logs.RotatedFile, text: str) -> None:
        begun.set()
        assert go_on.wait(60)
        write(file, text)

    monkeypatch.setattr(logs.RotatedFile, "write", slow)
    with writing(tmp_path / "app.log", quiet()):
        LOGGER.info("first")
        assert begun.wait(60)
        for number in range(MAX_WAITING_LOG_LINES + 25):
            LOGGER.info("%d", number)
        go_on.set()
    text = (tmp_path / "app.log").read_text(encoding="utf-8")
    assert "WARNING log: 25 lines of the log were lost" in text
    assert len(text.splitlines()) == MAX_WAITING_LOG_LINES + 2


def test_a_disk_that_refuses_costs_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = logs.RotatedFile.write
    tries: list[str] = []

    def full_at_first(file: logs.RotatedFile, text: str) -> None:
        tries.append(text)
        if len(tries) <= 2:
            raise OSError(28, "No space left on device")
        write(file, text)

    monkeypatch.setattr(logs.RotatedFile, "write", full_at_first)
    with writing(tmp_path / "app.log", quiet()):
        for word in ("one", "two", "three"):
            LOGGER.info(word)
    lines = (tmp_path / "app.log").read_text(encoding="utf-8").splitlines()
    assert ["2 lines of the log could not be written" in lines[0], lines[1].endswith("three")] == [True, True]


def test_level_and_format_change_while_it_runs(tmp_path: Path) -> None:
    with writing(tmp_path / "app.log", quiet(level="warning")) as writer:
        LOGGER.info("unheard")
        writer.configure(quiet(level="debug"))
        LOGGER.debug("heard")
    assert (tmp_path / "app.log").read_text(encoding="utf-8").endswith("DEBUG connections: heard\n")


def test_standard_error_gets_the_same_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with writing(tmp_path / "app.log", Log()):
        LOGGER.info("hello")
    assert capsys.readouterr().err == (tmp_path / "app.log").read_text(encoding="utf-8")


def test_a_standard_error_that_is_gone_does_not_stop_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    with writing(tmp_path / "app.log", Log()):
        LOGGER.info("one")
        LOGGER.info("two")
    assert len((tmp_path / "app.log").read_text(encoding="utf-8").splitlines()) == 2


def test_the_end_does_not_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(logs, "MAX_WAITING_LOG_LINES", 1)
    begun, go_on = threading.Event(), threading.Event()

    def hangs(*_: object) -> None:
        begun.set()
        assert go_on.wait(60)

    monkeypatch.setattr(logs.RotatedFile, "write", hangs)
    writer = LogWriter(tmp_path / "app.log", quiet())
    writer.collect()
    writer.start()
    LOGGER.info("one")
    assert begun.wait(60)
    LOGGER.info("two")
    writer.close()  # the queue is full and nobody empties it: returns all the same
    go_on.set()
    writer.close()


def test_a_symbolic_link_in_place_of_the_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "app.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataDirectoryUnusable, match="symbolic links"):
        LogWriter(tmp_path / "app.log", quiet()).start()


def test_what_is_said_before_the_file_is_open_waits_for_it(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "app.log", quiet())
    writer.collect()
    LOGGER.info("early")
    assert not (tmp_path / "app.log").exists()
    writer.start()
    writer.close()
    assert (tmp_path / "app.log").read_text(encoding="utf-8").endswith("early\n")


def test_a_log_that_never_began_ends_without_a_trace(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "app.log", quiet())
    writer.collect()
    writer.close()
    assert list(tmp_path.iterdir()) == []

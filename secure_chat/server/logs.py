"""The server's log: lines for people or JSON, to standard error and a rotated file, never waited for."""

import io
import logging
import logging.handlers
import os
import queue
import sys
import threading
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from secure_chat.errors import DataDirectoryUnusable
from secure_chat.limits import (
    LOG_CLOSE_SECONDS,
    MAX_LOG_LINE_CHARACTERS,
    MAX_LOGGED_CHARACTERS,
    MAX_TRACEBACK_LINES,
    MAX_WAITING_LOG_LINES,
)
from secure_chat.sanitize import log_safe
from secure_chat.server.settings.model import Log

ROOT_LOGGER: Final = "secure_chat"
LOG_FILE_MODE: Final = 0o600
TRACE_MARK: Final = "    | "  # before every line of a traceback: no line of a log can be forged with one


@dataclass(frozen=True, slots=True)
class LogLine:
    """A record on its way to the writing thread: text only, so that it keeps nothing else alive."""

    time: float  # seconds since 1970 UTC
    level: int
    logger: str
    message: str
    traceback: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: logging.LogRecord) -> "LogLine":
        """What is kept of a record: a line without control bytes, cut where it is absurd."""
        trace: tuple[str, ...] = ()
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1]))
            trace = tuple(_safe(line) for line in text.splitlines()[-MAX_TRACEBACK_LINES:])
        return cls(record.created, record.levelno, record.name, _safe(record.getMessage()), trace)


def _safe(text: str) -> str:
    """What prints of `text`, cut where it is absurd. `log_safe` takes a value's length at a time."""
    end = min(len(text), MAX_LOG_LINE_CHARACTERS)
    pieces = (text[at : min(at + MAX_LOGGED_CHARACTERS, end)] for at in range(0, end, MAX_LOGGED_CHARACTERS))
    return "".join(map(log_safe, pieces)) + ("…" if end < len(text) else "")


class JsonLine(msgspec.Struct, omit_defaults=True):
    """One line of a JSON log."""

    time: str
    level: str
    logger: str
    message: str
    traceback: tuple[str, ...] = ()


def as_text(line: LogLine) -> str:
    """`2026-05-03T10:02:11.123Z INFO connections: 10.0.0.5 connected`, and below it the marked lines of a traceback."""
    head = f"{_time(line)} {logging.getLevelName(line.level)} {_logger(line)}: {line.message}\n"
    return head + "".join(f"{TRACE_MARK}{traced}\n" for traced in line.traceback)


def as_json(line: LogLine) -> str:
    """One JSON object a line."""
    shown = JsonLine(_time(line), logging.getLevelName(line.level), _logger(line), line.message, line.traceback)
    return msgspec.json.encode(shown).decode("utf-8") + "\n"


def _time(line: LogLine) -> str:
    return datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _logger(line: LogLine) -> str:
    return line.logger.removeprefix(f"{ROOT_LOGGER}.")


class DroppingHandler(logging.Handler):
    """Hand lines to the writing thread through a bounded queue; a full one loses the line and counts it."""

    def __init__(self, waiting: "queue.Queue[LogLine | None]") -> None:
        super().__init__()
        self._waiting = waiting
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Put the line into the queue, or count it. Never waits for a disk or a terminal."""
        try:
            self._waiting.put_nowait(LogLine.of(record))
        except queue.Full:
            self._dropped += 1  # `handle` holds this handler's lock

    def take_dropped(self) -> int:
        """How many lines were lost since the last call."""
        self.acquire()
        try:
            dropped, self._dropped = self._dropped, 0
        finally:
            self.release()
        return dropped


class RotatedFile:
    """A log file that only this user reads, rotated by size; owned by the writing thread."""

    def __init__(self, path: Path, file_bytes: int, files: int) -> None:
        self._path = path
        self._file_bytes = file_bytes
        self._files = files
        self._file = self._open()

    def write(self, text: str) -> None:
        """Append, rotating before the file would grow past its size. Raises `OSError`."""
        data = text.encode("utf-8", "backslashreplace")
        if self._file.closed:
            self._file = self._open()
        size = self._file.tell()
        if size and size + len(data) > self._file_bytes:
            self._rotate()
        self._file.write(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._files - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._file = self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _open(self) -> io.FileIO:
        file = io.FileIO(self._path, "ab", opener=_open_private)
        file.seek(0, os.SEEK_END)
        return file


def _open_private(name: str, flags: int) -> int:
    descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, LOG_FILE_MODE)
    os.fchmod(descriptor, LOG_FILE_MODE)  # a file from before may be looser
    return descriptor


class LogWriter:
    """The thread that writes the log, and the handler that feeds it. One for a process."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._waiting: queue.Queue[LogLine | None] = queue.Queue(MAX_WAITING_LOG_LINES)
        self._handler = DroppingHandler(self._waiting)
        self._failed = 0
        self._log = log  # replaced whole by `configure`
        self._thread: threading.Thread | None = None

    def collect(self) -> None:
        """Take over all loggers of the process; what they say waits for `start`."""
        logging.getLogger().addHandler(self._handler)
        self.configure(self._log)

    def start(self) -> None:
        """Open the file and begin to write. Raises `DataDirectoryUnusable`."""
        try:
            file = RotatedFile(self._path, self._log.file_bytes, self._log.files)
        except OSError as error:
            raise DataDirectoryUnusable(f"The log {self._path} cannot be written: {error.strerror}.") from None
        self._thread = threading.Thread(target=self._run, args=(file,), name="log", daemon=True)
        self._thread.start()

    def configure(self, log: Log) -> None:
        """Take over level, format and standard error at once; size and number of files stay as they were."""
        self._log = log
        logging.getLogger(ROOT_LOGGER).setLevel(log.level.upper())

    def close(self) -> None:
        """Write what waits, within `LOG_CLOSE_SECONDS`, and let go of the loggers."""
        logging.getLogger().removeHandler(self._handler)
        if self._thread is None:
            return
        try:
            self._waiting.put(None, timeout=LOG_CLOSE_SECONDS)
        except queue.Full:
            return  # a disk or terminal that hangs: the thread ends with the process
        self._thread.join(LOG_CLOSE_SECONDS)

    def _run(self, file: RotatedFile) -> None:
        while (line := self._waiting.get()) is not None:
            self._write(line, file)
            if dropped := self._handler.take_dropped():
                self._write(_own(f"{dropped} lines of the log were lost: it was written too slowly"), file)
        file.close()

    def _write(self, line: LogLine, file: RotatedFile) -> None:
        log = self._log
        text = as_json(line) if log.format == "json" else as_text(line)
        try:
            if self._failed:
                file.write(as_text(_own(f"{self._failed} lines of the log could not be written")))
                self._failed = 0
            file.write(text)
        except OSError:
            self._failed += 1
        if log.standard_error:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except (OSError, ValueError):
                pass  # nobody reads it any more; the file has the line


def _own(message: str) -> LogLine:
    return LogLine(datetime.now(UTC).timestamp(), logging.WARNING, f"{ROOT_LOGGER}.log", message)

"""The control thread when the others do not answer, and when operators say nothing."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.errors import Busy
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol import administration as a
from secure_chat.protocol.events import Failure
from secure_chat.protocol.frames import FrameReader
from secure_chat.protocol.states import Role
from secure_chat.server import control
from secure_chat.server.control import ControlThread, Gathered, gather
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Administration, AskSessions, ConnectedSession, Sessions, SupervisorItem
from secure_chat.server.session import Session
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.paths import DataDirectory, socket_address
from secure_chat.storage.reader import StoreReader
from tests.storage.opened import Opened


class Silent:
    """A core that takes everything and answers nothing; operations that break."""

    io_threads = 2

    def __init__(self) -> None:
        self.asked: list[AskSessions | Administration] = []
        self.was_asked = threading.Event()

    def administer(self, item: Administration) -> None:
        self.asked.append(item)
        self.was_asked.set()

    def ask_sessions(self, item: AskSessions) -> None:
        self.asked.append(item)
        self.was_asked.set()

    def answer(self, command: a.LiveCommand, sessions: Gathered, reader: StoreReader) -> a.AdministrationReply:
        raise RuntimeError(f"planted: {command} {sessions} {reader}")


@contextlib.contextmanager
def controlled(directory: Path, core: Silent) -> Iterator[DataDirectory]:
    data = DataDirectory(directory)
    data.prepare()
    opened = Opened(directory)
    supervisor: Inbox[SupervisorItem] = Inbox()
    thread = ControlThread(data.control_socket, lambda: StoreReader(directory))
    thread.attach(core, core, supervisor)
    thread.start()
    try:
        yield data
    finally:
        thread.stop()
        assert thread.join(60)
        opened.store.close()
    assert supervisor.take() == []  # nothing has died


def test_an_operator_is_told_when_nobody_answers_and_a_late_answer_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "CONTROL_ANSWER_SECONDS", 0.05)
    core = Silent()
    with controlled(tmp_path, core) as data:
        with pytest.raises(Busy):
            ask(data, a.AskStatus(1))
        with pytest.raises(Busy):
            ask(data, a.LogOutUser(1, "alice"))
        question = core.asked[0]
        assert isinstance(question, AskSessions)
        question.reply_to.put(Sessions(question.tag, 0, 1, ()))
        with pytest.raises(Busy):
            ask(data, a.AskStatus(2))


def test_a_fault_in_one_request_is_told_and_harms_no_other(tmp_path: Path) -> None:
    core = Silent()
    with controlled(tmp_path, core) as data, socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        with socket_address(data.control_socket) as address:
            raw.connect(address)
        for number in (1, 2):
            core.was_asked.clear()
            raw.sendall(a.encode(a.AskStatus(number)))
            assert core.was_asked.wait(60)
            question = core.asked[-1]
            for io_thread in range(core.io_threads):
                question.reply_to.put(Sessions(question.tag, io_thread, 1, ()))
            frames, bodies = FrameReader(MAX_FRAME_BYTES), list[bytes]()
            while not bodies:
                bodies = frames.feed(raw.recv(4096))
            reply = a.decode_reply(bodies[0])
            assert isinstance(reply, Failure)
            assert (reply.id, reply.code) == (number, "internal")


def test_an_operators_connection_that_asks_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "CONTROL_IDLE_SECONDS", 0.05)
    with controlled(tmp_path, Silent()) as data, socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        with socket_address(data.control_socket) as address:
            raw.connect(address)
        assert raw.recv(1) == b""


def test_an_operator_who_leaves_before_his_answer_harms_nobody(tmp_path: Path) -> None:
    core = Silent()
    with controlled(tmp_path, core) as data:
        with socket.socket(socket.AF_UNIX) as raw:
            with socket_address(data.control_socket) as address:
                raw.connect(address)
            raw.sendall(a.encode(a.AskStatus(1)))
            assert core.was_asked.wait(60)
        question = core.asked[0]
        for io_thread in range(core.io_threads):
            question.reply_to.put(Sessions(question.tag, io_thread, 1, ()))
        with socket.socket(socket.AF_UNIX) as raw, socket_address(data.control_socket) as address:
            raw.connect(address)


def test_one_picture_is_made_from_what_all_threads_say() -> None:
    def connected(account: int, device: int) -> ConnectedSession:
        return ConnectedSession(Session(account, device, b"", "", Role.MEMBER), "10.0.0.1", 0)

    picture = gather([Sessions(1, 0, 3, (connected(1, 10),)), Sessions(1, 1, 4, (connected(1, 11), connected(2, 20)))])
    assert picture.connections == 7
    assert (picture.online(1, 10), picture.online(1, 12), picture.online(2, 0), picture.online(3, 0)) == (
        True,
        False,
        True,
        False,
    )

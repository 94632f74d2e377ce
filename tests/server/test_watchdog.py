"""The watchdog: who hangs is written down, who waits is left alone, and nobody is blamed for a slow machine."""

from secure_chat.limits import (
    SILENT_LOOP_SECONDS,
    STACKS_EVERY_SECONDS,
    STUCK_JOURNAL_SECONDS,
    STUCK_LOOP_SECONDS,
    WATCH_SECONDS,
)
from secure_chat.server.watchdog import Heartbeat, Watchdog, watched_io_loop, watched_journal


class Work:
    def __init__(self) -> None:
        self.waits = False


class World:
    """One I/O loop, one journal, and a clock."""

    def __init__(self) -> None:
        self.io, self.io_work = Heartbeat(), Work()
        self.journal, self.journal_work = Heartbeat(), Work()
        self.now = 1000.0
        self.stacks: list[float] = []
        loops = [watched_io_loop("io-0", self.io, self.io_work), watched_journal(self.journal, self.journal_work)]
        self.watchdog = Watchdog(loops, self.now, lambda: self.stacks.append(self.now))

    def pass_time(self, seconds: float, step: float = WATCH_SECONDS) -> str | None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            reason = self.watchdog.look(self.now)
            if reason is not None:
                return reason
        return None


def test_a_loop_that_waits_for_work_may_wait_for_ever() -> None:
    world = World()
    world.io.turns()
    world.io.rests()
    assert world.pass_time(500.0) is None
    assert world.stacks == []


def test_a_turn_that_takes_longer_than_a_second_is_written_down() -> None:
    world = World()
    world.io.turns()
    world.pass_time(STUCK_LOOP_SECONDS)
    assert world.stacks == []
    world.pass_time(2 * WATCH_SECONDS)
    assert len(world.stacks) == 1


def test_a_loop_that_was_not_woken_for_its_work_is_written_down() -> None:
    world = World()
    world.io.turns()
    world.io.rests()
    world.io_work.waits = True
    world.pass_time(STUCK_LOOP_SECONDS + 2 * WATCH_SECONDS)
    assert len(world.stacks) == 1


def test_a_loop_that_turns_is_not_blamed_however_much_work_it_has() -> None:
    world = World()
    world.io_work.waits = True
    for _ in range(400):
        world.io.turns()
        assert world.pass_time(WATCH_SECONDS) is None
    assert world.stacks == []


def test_stacks_are_written_at_most_once_a_minute() -> None:
    world = World()
    world.journal.turns()
    world.pass_time(STUCK_JOURNAL_SECONDS + 2 * STACKS_EVERY_SECONDS + 5)
    assert len(world.stacks) == 3


def test_half_a_minute_of_silence_of_an_io_loop_ends_the_process_with_a_reason() -> None:
    world = World()
    world.io.turns()
    reason = world.pass_time(SILENT_LOOP_SECONDS + 1)
    assert reason is not None
    assert "io-0" in reason
    assert world.stacks[-1] == world.now


def test_the_journal_may_wait_for_its_disk_as_long_as_it_takes() -> None:
    world = World()
    world.journal.turns()
    world.pass_time(STUCK_JOURNAL_SECONDS - 1)
    assert world.stacks == []
    assert world.pass_time(10 * SILENT_LOOP_SECONDS) is None
    assert world.stacks


def test_a_watchdog_that_comes_late_itself_blames_nobody() -> None:
    world = World()
    world.io.turns()
    assert world.pass_time(300.0, step=SILENT_LOOP_SECONDS * 2) is None
    assert world.stacks == []

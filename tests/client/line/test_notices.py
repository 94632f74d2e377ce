"""Coming and going: one line for many, fewer lines the longer it lasts."""

from secure_chat.client.line.lines import Painter
from secure_chat.client.line.notices import Notices, Way, name_list
from secure_chat.limits import NEW_SECONDS, NOTICE_LONGEST_SECONDS, NOTICE_SECONDS
from tests.client.line.person import MINUTE, TEN, TIMES


def notices() -> Notices:
    return Notices("alice", TIMES)


def taken(held: Notices, now: float = 0.0) -> list[str]:
    return Painter().paint(each.line for each in held.take(now)).splitlines()


def test_names_are_listed_and_many_are_counted() -> None:
    assert name_list(["bob"]) == "bob"
    assert name_list(["bob", "carol"]) == "bob and carol"
    assert name_list(["bob", "carol", "dave"]) == "bob, carol and dave"
    assert name_list(["bob", "carol", "dave", "erin", "frank"]) == "bob, carol and 3 others"


def test_people_who_join_together_share_a_line_with_the_time_of_the_first() -> None:
    held = notices()
    for index, name in enumerate(["bob", "carol", "dave", "erin", "frank"]):
        held.membership("dev", name, Way.IN, TEN + index * MINUTE, now=0.0)
    assert taken(held) == ["10:00 #dev · bob, carol and 3 others joined"]
    assert taken(held) == []


def test_each_room_and_each_way_has_its_line() -> None:
    held = notices()
    held.membership("dev", "bob", Way.IN, TEN, now=0.0)
    held.membership("dev", "carol", Way.OUT, TEN, now=0.0)
    held.membership("lobby", "bob", Way.IN, TEN, now=0.0)
    assert taken(held) == ["10:00 #dev · bob joined", "10:00 #dev · carol left", "10:00 #lobby · bob joined"]


def test_who_comes_and_goes_at_once_is_said_so() -> None:
    held = notices()
    for way in (Way.IN, Way.OUT):
        held.membership("dev", "bob", way, TEN, now=0.0)
    for way in (Way.OUT, Way.IN):
        held.membership("dev", "carol", way, TEN, now=0.0)
    for way in (Way.IN, Way.OUT, Way.IN):
        held.membership("dev", "dave", way, TEN, now=0.0)
    assert taken(held) == [
        "10:00 #dev · dave joined",
        "10:00 #dev · bob joined and left",
        "10:00 #dev · carol left and came back",
    ]


def test_presence_is_said_once_for_all_rooms_and_never_of_oneself() -> None:
    held = notices()
    held.presence(["alice", "bob"], ["carol"], now=0.0)
    held.presence(["bob"], ["carol"], now=0.0)
    assert taken(held) == ["* bob is online", "* carol is offline"]


def test_who_was_never_gone_is_not_spoken_of() -> None:
    held = notices()
    held.presence([], ["bob"], now=0.0)
    held.presence(["bob"], [], now=0.5)
    assert taken(held) == []


def test_a_joining_is_not_said_a_second_time_as_presence() -> None:
    held = notices()
    held.presence(["bob"], [], now=0.0)
    held.membership("lobby", "bob", Way.IN, TEN, now=0.5)
    assert taken(held) == ["10:00 #lobby · bob joined"]


def test_nor_when_it_comes_after_the_line_of_the_joining() -> None:
    held = notices()
    held.membership("lobby", "bob", Way.IN, TEN, now=0.0)
    assert taken(held, 2.0) == ["10:00 #lobby · bob joined"]
    held.presence(["bob"], [], now=2.5)
    assert held.due is None
    held.presence(["bob"], [], now=3.0 + NEW_SECONDS)
    assert taken(held, 20.0) == ["* bob is online"]


def test_who_joins_one_more_room_and_goes_is_said_to_have_gone() -> None:
    held = notices()
    held.presence(["bob"], [], now=0.0)
    assert taken(held, 2.0) == ["* bob is online"]
    held.membership("dev", "bob", Way.IN, TEN, now=3.0)
    held.presence(["bob"], [], now=3.5)  # as the new room is told
    held.presence([], ["bob"], now=4.0)
    assert taken(held, 5.0) == ["10:00 #dev · bob joined", "* bob is offline"]


def test_the_same_of_somebody_who_was_there_from_the_start() -> None:
    held = notices()
    held.membership("dev", "bob", Way.IN, TEN, now=3.0)
    held.presence(["bob"], [], now=3.5)
    held.presence([], ["bob"], now=4.0)
    assert taken(held, 5.0) == ["10:00 #dev · bob joined", "* bob is offline"]


def test_the_first_line_comes_soon_and_later_ones_ever_more_slowly() -> None:
    held = notices()
    now, waits = 0.0, []
    for _ in range(8):
        held.membership("dev", "bob", Way.IN, TEN, now)
        assert held.due is not None
        waits.append(held.due - now)
        now = held.due
        held.take(now)
    assert waits[:3] == [NOTICE_SECONDS, 2 * NOTICE_SECONDS, 4 * NOTICE_SECONDS]
    assert waits[-1] == NOTICE_LONGEST_SECONDS
    held.membership("dev", "bob", Way.IN, TEN, now + 3 * NOTICE_LONGEST_SECONDS)
    assert held.due == now + 3 * NOTICE_LONGEST_SECONDS + NOTICE_SECONDS


def test_nothing_is_due_when_nothing_is_held() -> None:
    assert notices().due is None

"""The table of states: what is absent is refused, and rights are by role."""

from typing import get_args

import pytest

from secure_chat.errors import NotNow, PermissionDenied
from secure_chat.protocol import commands as c
from secure_chat.protocol.states import ADMINISTRATORS_ONLY, TRANSITIONS, Role, State, answer, permit

ALL = get_args(c.AnyCommand)


def test_every_command_is_possible_in_some_state() -> None:
    assert {command for _, command in TRANSITIONS} == set(ALL)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", ALL, ids=lambda command: command.__name__)
def test_each_cell_is_a_state_or_one_of_two_errors(command: type[c.Command], state: State, role: Role) -> None:
    cell = answer(state, role, command)
    if (state, command) not in TRANSITIONS:
        assert cell is NotNow
    elif command in ADMINISTRATORS_ONLY and role is not Role.ADMINISTRATOR:
        assert cell is PermissionDenied
    else:
        assert cell is TRANSITIONS[state, command]


@pytest.mark.parametrize("state", [State.AUTHENTICATING, State.CLOSING])
def test_nothing_is_taken_while_a_login_is_decided_or_a_connection_closes(state: State) -> None:
    assert all(answer(state, Role.ADMINISTRATOR, command) is NotNow for command in ALL)


def test_before_login_nothing_but_the_ways_in_is_possible() -> None:
    allowed = {command for command in ALL if answer(State.UNAUTHENTICATED, Role.ADMINISTRATOR, command) is not NotNow}
    assert allowed == set(get_args(c.BEFORE_LOGIN))


def test_without_a_device_only_recovery_and_leaving_are_possible() -> None:
    allowed = {command for command in ALL if answer(State.LIMITED, Role.ADMINISTRATOR, command) is not NotNow}
    assert allowed == {c.Recover, c.Logout}


def test_a_refusal_says_the_state_it_was_refused_in() -> None:
    with pytest.raises(NotNow, match="unauthenticated"):
        permit(State.UNAUTHENTICATED, Role.MEMBER, c.RoomPost)

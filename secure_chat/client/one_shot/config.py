"""`secure-chat config show`: the settings in force, and where each comes from."""

from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import SettingRecord
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """Print every setting."""
    for found in surroundings.settings.found:
        record = SettingRecord(name=found.name, value=found.value, origin=found.origin)
        origin = f"\t({found.origin})" if surroundings.arguments.origin else ""
        surroundings.output.data(record, f"{found.name} = {found.value}{origin}")
    return ExitCode.OK

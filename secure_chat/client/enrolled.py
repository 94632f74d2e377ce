"""A device that the server has just accepted: its recovery key shown, its profile complete."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from secure_chat.client.login import LoggedIn
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profiles import Profile
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import Enrolment
from secure_chat.client.vault.vault import Vault
from secure_chat.directory.device_list import AcceptedDeviceList, SignedDeviceList, check_first_contact
from secure_chat.e2ee.recovery_kit import recovery_key

ShowRecovery: TypeAlias = Callable[[str, str], None]  # the key, and the link that goes with it


@dataclass(frozen=True, slots=True)
class Enrolled:
    """This device is the account's. The vault is open, and the caller's to close."""

    profile: Profile
    vault: Vault
    passphrase: str = field(repr=False)
    rooms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Whose device it is."""
        return self.profile.label.name


def complete(draft: ProfileDraft, passphrase: str, logged_in: LoggedIn, show_recovery: ShowRecovery) -> Enrolled:
    """The server has answered: say goodbye for now, show a new recovery key, finish the profile.

    The key is shown before the profile is complete: whoever is cut off in between sees it when the same command goes
    on. Who came by a recovery key has it already.
    """
    logged_in.channel.close()
    if login_state.own_device(draft.vault).enrolment is not Enrolment.RECOVERY:
        server = ServerIdentity.of_account(login_state.account(draft.vault))
        show_recovery(recovery_key(draft.vault.unlock_identity(passphrase)), server.address_link.format())
    rooms = tuple(room.room for room in logged_in.welcome.rooms)
    return Enrolled(draft.complete(), draft.vault, passphrase, rooms)


def shown_device_list(encoded: bytes, name: str) -> AcceptedDeviceList:
    """The newest list that a server shows of an account, checked. Raises `DeviceListError` and its kin."""
    return check_first_contact(SignedDeviceList.parse(encoded), name)

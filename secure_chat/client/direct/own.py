"""This account and device, as direct messages need them."""

from dataclasses import dataclass
from typing import Self

from secure_chat.client.vault import login_state
from secure_chat.client.vault.vault import Vault
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.parties import OwnParty


@dataclass(frozen=True, slots=True)
class Own:
    """Who is talking. A device keeps its keys and its list for its whole life in this version."""

    name: str
    party: OwnParty
    devices: AcceptedDeviceList  # the own newest list
    server_id: bytes  # 32

    @classmethod
    def of_vault(cls, vault: Vault) -> Self:
        """Read it. Raises `VaultDamaged`."""
        account, device = login_state.account(vault), login_state.own_device(vault)
        devices = device.device_list
        return cls(account.name, OwnParty.of(devices, device.keys), devices, account.server_id)

    @property
    def version(self) -> int:
        """Of the own newest list."""
        return self.devices.device_list.version

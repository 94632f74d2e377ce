"""Which server is meant, and by what it is recognised before anything is sent to it."""

import hmac
from dataclasses import dataclass, field
from typing import Self

from secure_chat.certificates.hosts import host_and_port
from secure_chat.certificates.pins import authority_pin, format_pin, log_pin, server_id
from secure_chat.client.vault.enrolment import ServerFacts
from secure_chat.client.vault.records import Account
from secure_chat.errors import TlsPinError
from secure_chat.protocol.link import Link


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """An address, the authority that its certificate must come from, and the key log's key or its pin."""

    host: str  # canonical
    port: int
    authority: bytes  # 33
    log_pin: bytes  # 16
    log_key: bytes | None = None  # 32, once it is known whole
    known_server_id: bytes | None = field(default=None, repr=False)  # 32, of the installation's first authority

    @classmethod
    def of_link(cls, link: Link) -> Self:
        """The server that a link names: nothing of it was seen before."""
        return cls(link.host, link.port, link.authority, link.log_pin)

    @classmethod
    def of_account(cls, account: Account) -> Self:
        """The server of a profile."""
        return cls(
            account.host,
            account.port,
            account.authority,
            log_pin(account.log_key),
            account.log_key,
            account.server_id,
        )

    @property
    def title(self) -> str:
        """The address as people write it."""
        return host_and_port(self.host, self.port)

    @property
    def server_id(self) -> bytes:
        """32 bytes: computed from the authority under which connections are verified, or kept from its first one."""
        return server_id(self.authority) if self.known_server_id is None else self.known_server_id

    @property
    def address_link(self) -> Link:
        """The link that names this server and invites nobody."""
        return Link(self.host, self.port, self.authority, self.log_pin)

    @property
    def ways_back(self) -> str:
        """The next steps of somebody whose keys are not here, to be pasted as they stand."""
        command = f"secure-chat login --recovery '{self.address_link.format()}'"
        return f"recovery key: {command}; without it an administrator can reset the account"

    def check_log_key(self, shown: bytes) -> None:
        """Compare the key log's key in hello with the one that is expected. Raises `TlsPinError`."""
        if self.log_key is None:
            fits = hmac.compare_digest(log_pin(shown), self.log_pin)
        else:
            fits = hmac.compare_digest(shown, self.log_key)
        if not fits:
            raise TlsPinError(
                f"The server at {self.title} has the authority {format_pin(authority_pin(self.authority))}, "
                "but not the key log of your invite. Nothing was sent."
            )

    def facts(self, shown: bytes) -> ServerFacts:
        """What a new profile keeps of a server that has shown this key log's key and passed `check_log_key`."""
        return ServerFacts(self.host, self.port, self.authority, self.server_id, shown)

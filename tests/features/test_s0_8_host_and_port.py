"""Row S0.8: host and port can be set; without being told the server stays on loopback."""

import socket
from pathlib import Path

from secure_chat.server.settings.model import Settings
from tests.support.command import home, serving

OTHER_LOOPBACK = "127.0.0.2"


def test_s0_8_host_and_port_can_be_set(tmp_path: Path) -> None:
    with socket.create_server((OTHER_LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    names = ("--host", OTHER_LOOPBACK, "--port", str(port), "--name", OTHER_LOOPBACK)
    with serving(tmp_path, "quickstart", "--data", "var", "--certs", "certs", *names) as server:
        assert server.lines[-1].startswith(f"secure-chat-server ready {OTHER_LOOPBACK}:{port} ")
        assert any(f"secure-chat://{OTHER_LOOPBACK}:{port}/j#" in line for line in server.lines)
        socket.create_connection((OTHER_LOOPBACK, port)).close()


def test_s0_8_the_default_is_loopback(tmp_path: Path) -> None:
    assert (Settings().listen.host, Settings().listen.port) == ("127.0.0.1", 7443)
    # The host is left as it is; a free port, because another server may have the usual one.
    with serving(tmp_path, "quickstart", environment=home(tmp_path, SECURE_CHAT_SERVER_LISTEN_PORT="0")) as server:
        assert server.lines[-1].startswith("secure-chat-server ready 127.0.0.1:")
        (listening,) = listeners_of(server.process.pid)
        assert listening == ("127.0.0.1", server.port)


def listeners_of(pid: int) -> set[tuple[str, int]]:
    """Where a process takes TCP connections, from the kernel."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                found.add(
                    (socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address, int(port, 16))
                )
    return found

"""The architecture holds: who imports whom, what never happens, the form of the house, and its map."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture import form, house_map, import_rules, never
from tests.architecture.source import EVERYTHING, PRODUCT, ROOT, Module, modules, project

FOUNDATION = "secure_chat/encoding.py"
DIRECTORY = "secure_chat/directory/planted.py"
PROTOCOL = "secure_chat/protocol/planted.py"
E2EE = "secure_chat/e2ee/planted.py"
STORAGE = "secure_chat/storage/planted.py"
SERVER = "secure_chat/server/planted.py"
CLIENT = "secure_chat/client/planted.py"
TOOLS = "tools/secure_chat_tools/planted.py"


def planted(root: Path, path: str, text: str) -> Iterator[Module]:
    """The modules of a tree that holds one file."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return modules(root, EVERYTHING)


def below(*places: str) -> list[Module]:
    """The modules of the project below these directories."""
    return [module for module in project() if module.path.startswith(tuple(f"{place}/" for place in places))]


def assert_none(violations: Iterable[str]) -> None:
    """Fail with every violation on a line of its own."""
    found = list(violations)
    assert not found, "\n".join(["", *found])


# --- the project ---------------------------------------------------------------------------------


@pytest.mark.negative(57)
def test_imports_point_down_and_pure_packages_are_pure() -> None:
    assert_none(import_rules.violations(below(*PRODUCT)))


def test_what_must_never_happen_is_nowhere_in_the_product() -> None:
    assert_none(never.violations(below(*PRODUCT)))


def test_modules_and_functions_are_short() -> None:
    assert_none(form.size_violations(project()))


def test_every_module_is_named_after_a_concept() -> None:
    assert_none(form.name_violations(project()))


def test_no_check_is_silenced_and_no_work_put_off_in_a_comment() -> None:
    assert_none(form.comment_violations(project()))


def test_every_lock_says_its_tier() -> None:
    assert_none(form.lock_violations(below(*PRODUCT)))


def test_no_test_is_left_out_without_a_reason() -> None:
    assert_none(form.skipped_test_violations(below("tests")))


def test_nothing_unknown_stands_at_the_top() -> None:
    assert_none(form.entry_violations(ROOT))


def test_the_map_has_every_module_and_no_other_and_says_what_the_modules_say() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    differences = house_map.differences(page, house_map.draw(below(*house_map.MAPPED)))
    assert not differences, "run `make map`, or paste:\n" + "\n".join(differences)


# --- the checks see what is planted --------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (FOUNDATION, "from secure_chat.directory import keys"),
        (FOUNDATION, "import secure_chat_tools"),
        (DIRECTORY, "from secure_chat.protocol.frames import FrameReader"),
        (DIRECTORY, "from secure_chat import storage"),
        (PROTOCOL, "import secure_chat.storage"),
        (PROTOCOL, "from ..e2ee import ratchet"),
        (E2EE, "from secure_chat.storage import rooms"),
        (E2EE, "from secure_chat.client.vault import rows"),
        (STORAGE, "from secure_chat.server.settings import Settings"),
        (STORAGE, "from secure_chat.e2ee import session"),
        (SERVER, "from secure_chat.e2ee import session"),
        (SERVER, "import secure_chat.client.link as link"),
        (SERVER, "def later():\n    from secure_chat import e2ee"),
        (SERVER, "importlib.import_module('secure_chat.e2ee')"),
        (SERVER, "importlib.import_module(name)"),
        (SERVER, "from secure_chat.protocol import *"),
        (SERVER, "from secure_chat_tools.certs import main"),
        (CLIENT, "from secure_chat.server.room import Room"),
        (CLIENT, "from secure_chat.storage import rooms"),
        (CLIENT, "from ..storage import rooms"),
        (CLIENT, "import secure_chat_tools.admin"),
        (TOOLS, "from secure_chat.server.journal import Journal"),
        (TOOLS, "from secure_chat.server import journal"),
        (TOOLS, "from secure_chat.client import vault"),
        (TOOLS, "from secure_chat.e2ee import session"),
        ("secure_chat/plugins.py", "x = 1"),
        ("secure_chat/plugins/loader.py", "x = 1"),
    ],
)
def test_an_import_that_points_up_is_seen(tmp_path: Path, path: str, line: str) -> None:
    assert len(import_rules.violations(planted(tmp_path, path, line))) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (FOUNDATION, "import os\nfrom secure_chat import limits\nfrom secure_chat.errors import ChatError"),
        (DIRECTORY, "import hashlib, struct\nfrom secure_chat.directory.keys import X"),
        (PROTOCOL, "from secure_chat.directory import prekeys\nimport msgspec"),
        (E2EE, "from secure_chat.protocol import envelope\nPrekeySecret.generate(random)"),
        (STORAGE, "import sqlite3\nfrom secure_chat.protocol import frames"),
        (SERVER, "import socket, threading\nfrom secure_chat.storage import rooms\nfrom . import room"),
        (CLIENT, "from secure_chat.e2ee import session\nimport datetime\ndatetime.datetime.now()"),
        (TOOLS, "from secure_chat import __version__, errors"),
        (TOOLS, "from secure_chat.server.settings import Settings\nfrom secure_chat.server import settings"),
        ("tests/test_anything.py", "from secure_chat.server import journal\nimport secure_chat_tools"),
    ],
)
def test_an_import_that_points_down_is_allowed(tmp_path: Path, path: str, line: str) -> None:
    assert import_rules.violations(planted(tmp_path, path, line)) == []


@pytest.mark.parametrize("path", [DIRECTORY, PROTOCOL, E2EE])
@pytest.mark.parametrize(
    "line",
    [
        *(
            f"import {name}"
            for name in "socket ssl threading time os os.path pathlib sqlite3 random secrets logging sys".split()
        ),
        "from os import urandom",
        "from time import monotonic as clock",
        "datetime.datetime.now(datetime.UTC)",
        "date.today()",
        "open('/etc/passwd')",
        "print('secret')",
        "X25519PrivateKey.generate()",
        "nacl.utils.random(32)",
        "bindings.randombytes(32)",
    ],
)
def test_an_impure_line_in_a_pure_package_is_seen(tmp_path: Path, path: str, line: str) -> None:
    assert len(import_rules.violations(planted(tmp_path, path, line))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "connection.shutdown(socket.SHUT_RDWR)",
        "connection.shutdown(SHUT_WR)",
        "context.wrap_socket(plain)",
        "context.verify_mode = ssl.CERT_NONE",
        "context = ssl._create_unverified_context()",
        "context.check_hostname = False",
        "context.check_hostname = strict",
        "connect(check_hostname=False)",
        "parser.add_argument('--insecure')",
        "import pickle",
        "from pickle import loads",
        "import marshal",
        "eval(text)",
        "exec(text)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=wanted)",
        "os.system(command)",
        "os.fork()",
        "multiprocessing.get_context('fork')",
        "time.sleep(1)",
        "connection.execute(f'SELECT * FROM {table}')",
        "connection.execute('SELECT * FROM ' + table)",
        "connection.execute('SELECT * FROM %s' % table)",
        "connection.execute('SELECT * FROM {}'.format(table))",
        "connection.execute(text(f'x = {y}'))",
        "statement = f'DELETE FROM {table}'",
        "statement = 'DROP TABLE ' + table",
        "bytearray(header.length)",
        "bytes(length)",
        "assert login.secret == stored",
        "assert invite_token != given",
        "assert mac == expected[:16]",
        "assert token in known",
        "assert given == device.resume_token",
        "assert a < b == passphrase",
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey",
        "ed25519.Ed25519PublicKey.from_public_bytes(key)",
        "class Login(Request):\n    login_secret: bytes",
        "class Resume(Request):\n    token: bytes | None = None",
        "class Key:\n    secret: bytes = field(repr=True)",
        "class Key:\n    secret: Annotated[bytes, Meta(max_length=32)]",
    ],
)
def test_what_must_never_happen_is_seen(tmp_path: Path, text: str) -> None:
    assert len(never.violations(planted(tmp_path, SERVER, text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "executor.shutdown()",
        "executor.shutdown(wait=True)",
        "context.check_hostname = True",
        "subprocess.run(command, shell=False)",
        "multiprocessing.get_context('spawn')",
        "connection.execute('SELECT name FROM users WHERE id = ?', (key,))",
        "connection.execute(select(users.c.name))",
        "sentence = f'Delete {name}?'",
        "bytearray(HEADER_SIZE)",
        "bytes(data)",
        "hmac.compare_digest(secret, given)",
        "assert len(token) == 32",
        "assert token is None",
        "assert identity_key == other",
        "class Key:\n    secret: bytes = field(repr=False)",
        "class Quiet:\n    def __repr__(self): ...\nclass Login(Quiet):\n    secret: bytes",
        "class Key:\n    secret_count: int",
        "class Invited:\n    proof: bytes",
    ],
)
def test_what_may_happen_is_not_mistaken(tmp_path: Path, text: str) -> None:
    assert never.violations(planted(tmp_path, SERVER, text)) == []


def test_one_module_closes_plain_sockets_and_only_for_writing(tmp_path: Path) -> None:
    assert never.violations(planted(tmp_path, never.CLOSING_MODULES[0], "plain.shutdown(socket.SHUT_WR)")) == []
    assert never.violations(planted(tmp_path, never.CLOSING_MODULES[0], "plain.shutdown(socket.SHUT_RDWR)")) != []


def test_a_long_module_and_a_long_function_are_seen(tmp_path: Path) -> None:
    long_function = "def f():\n" + "    x = 1\n" * form.MAX_FUNCTION_LINES
    assert "f() has 71 lines" in next(form.size_violations(planted(tmp_path / "a", SERVER, long_function)))
    long_module = "x = 1\n" * (form.MAX_MODULE_LINES + 1)
    assert "451 lines" in next(form.size_violations(planted(tmp_path / "b", SERVER, long_module)))
    assert list(form.size_violations(planted(tmp_path / "c", "tests/test_x.py", long_module))) == []


@pytest.mark.parametrize("path", ["secure_chat/server/utils.py", "tests/helpers/wire.py", "secure_chat/common/x.py"])
def test_a_module_named_after_no_concept_is_seen(tmp_path: Path, path: str) -> None:
    assert len(list(form.name_violations(planted(tmp_path, path, "")))) == 1


@pytest.mark.parametrize(
    "comment",
    ["type: ignore", "type: ignore[arg-type]", "noqa: E501", "nosec", "pragma: no cover", "TODO later", "XXX"],
)
def test_a_comment_that_silences_or_puts_off_is_seen(tmp_path: Path, comment: str) -> None:
    assert len(list(form.comment_violations(planted(tmp_path, SERVER, f"x = 1  # {comment}\n")))) == 1
    assert list(form.comment_violations(planted(tmp_path, SERVER, f"x = '# {comment}'\n"))) == []


def test_a_lock_without_a_tier_is_seen(tmp_path: Path) -> None:
    assert len(list(form.lock_violations(planted(tmp_path, SERVER, "lock = threading.Lock()  # guards x\n")))) == 1
    assert list(form.lock_violations(planted(tmp_path, SERVER, "lock = threading.Lock()  # tier 2: an inbox\n"))) == []
    above = "# Tier 0: the order of writes,\n# which is what it guards.\nlock = threading.Lock()\n"
    assert list(form.lock_violations(planted(tmp_path, SERVER, above))) == []


@pytest.mark.parametrize(
    "line",
    [
        "@pytest.mark.skip\ndef test_x(): ...",
        "@pytest.mark.skip()\ndef test_x(): ...",
        "@pytest.mark.skipif(windows)\ndef test_x(): ...",
        "@pytest.mark.xfail\ndef test_x(): ...",
        "pytestmark = pytest.mark.skip",
        "pytest.skip()",
    ],
)
def test_a_test_left_out_without_a_reason_is_seen(tmp_path: Path, line: str) -> None:
    assert len(list(form.skipped_test_violations(planted(tmp_path, "tests/test_x.py", line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "@pytest.mark.skipif(windows, reason='POSIX only')\ndef test_x(): ...",
        "@pytest.mark.skip('not here')\ndef test_x(): ...",
        "pytest.skip('no IPv6 on this machine')",
    ],
)
def test_a_test_left_out_with_a_reason_is_allowed(tmp_path: Path, line: str) -> None:
    assert list(form.skipped_test_violations(planted(tmp_path, "tests/test_x.py", line))) == []


def test_an_unknown_entry_at_the_top_is_seen_and_an_ignored_one_is_not(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n*.key\n/var/\n", encoding="utf-8")
    for name in (".venv", "var", "secure_chat"):
        (tmp_path / name).mkdir()
    for name in ("authority.key", "README.md", "notes.txt"):
        (tmp_path / name).touch()
    assert list(form.entry_violations(tmp_path)) == ["notes.txt: an unknown entry at the top"]


# --- the map -------------------------------------------------------------------------------------


def page_around(*lines: str) -> str:
    return "\n".join(["# The house", house_map.BEGIN, "", *lines, "", house_map.END, "after"])


def test_the_map_is_drawn_from_the_first_lines(tmp_path: Path) -> None:
    planted(tmp_path, "secure_chat/server/__init__.py", '"""Threads and sockets."""')
    planted(tmp_path, "secure_chat/server/room.py", '"""Who is in a room.\n\nMore."""')
    drawn = house_map.draw(planted(tmp_path, "secure_chat/server/acceptor.py", '"""Who may come in."""'))
    assert drawn == [
        "### secure_chat/server/",
        "",
        "Threads and sockets.",
        "",
        "```text",
        "acceptor.py              Who may come in.",
        "room.py                  Who is in a room.",
        "```",
    ]
    page = house_map.rewrite(page_around("stale"), drawn)
    assert house_map.differences(page, drawn) == []
    assert house_map.rewrite(page, drawn) == page
    assert page.startswith("# The house\n")
    assert page.endswith(f"{house_map.END}\nafter")


def test_a_missing_a_stale_and_a_misplaced_line_of_the_map_are_seen() -> None:
    page = page_around("a", "b")
    assert house_map.differences(page, ["a", "b"]) == []
    assert house_map.differences(page, ["a", "b", "c"]) == ["+ c"]
    assert house_map.differences(page, ["a"]) == ["- b"]
    assert house_map.differences(page, ["b", "a"]) != []
    with pytest.raises(ValueError, match="around the map"):
        house_map.differences("# The house", ["a"])


def test_a_module_without_a_docstring_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no docstring"):
        house_map.draw(planted(tmp_path, SERVER, "x = 1"))


def test_the_rules_look_at_the_whole_product() -> None:
    paths = [module.path for module in below(*PRODUCT)]
    assert "secure_chat/limits.py" in paths
    for place in PRODUCT:
        assert f"{place}/__init__.py" in paths

"""What must never happen, as far as the source shows it; ARCHITECTURE.md says why."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tests.architecture.import_rules import imports
from tests.architecture.source import Module, dotted_name, last_name

Found = Iterator[tuple[ast.AST, str]]

# The only modules that end one direction of a plain socket, with SHUT_WR, after TLS has said close_notify.
CLOSING_MODULES: Final = ("secure_chat/server/closing.py", "secure_chat/client/closing.py")

CODE_FROM_BYTES: Final = frozenset({"pickle", "cPickle", "dill", "marshal", "shelve", "jsonpickle"})
SHELL_CALLS: Final = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})
FORK_CALLS: Final = frozenset({"os.fork", "os.forkpty", "pty.fork"})

SQL_CALLS: Final = frozenset({"execute", "executemany", "executescript", "exec_driver_sql", "text", "literal_column"})
# Statements are written in capitals, so a sentence that begins with "Delete" is none.
SQL_BEGINS: Final = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA|ATTACH|DETACH|VACUUM|WITH|SAVEPOINT|RELEASE"
    r"|ROLLBACK|BEGIN|REINDEX|ANALYZE) "
)

# The last word, or the last two, of a name that holds a secret.
SECRET: Final = re.compile(
    r"(^|_)(secret|token|passphrase|password|seed"
    r"|(private|secret|chain|message|root|vault|wrap|wrapping|recovery)_key)$",
    re.IGNORECASE,
)
# What is no secret itself, but would be forged byte by byte if comparing it took longer the nearer a guess is.
FORGEABLE: Final = re.compile(r"(^|_)(mac|hmac|proof)$", re.IGNORECASE)
SIZE: Final = re.compile(r"(^|_)(length|size|count)$", re.IGNORECASE)
BYTES_OR_TEXT: Final = frozenset({"bytes", "str", "bytearray"})


def violations(modules: Iterable[Module]) -> list[str]:
    """Every place in the product that does what must never happen, one sentence each."""
    product = list(modules)
    with_own_repr = {
        node.name
        for module in product
        for node in module.nodes
        if isinstance(node, ast.ClassDef) and _defines_repr(node)
    }
    found: list[str] = []
    for module in product:
        for rule in RULES:
            found += (module.at(node, text) for node, text in rule(module))
        found += (module.at(node, text) for node, text in _secrets_shown_by_repr(module, with_own_repr))
    return found


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in module.nodes if isinstance(node, ast.Call))


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


# --- TLS -----------------------------------------------------------------------------------------


def no_shutdown_of_tls(module: Module) -> Found:
    """`SSLSocket.shutdown` drops TLS: the next send goes out in clear (cpython#124618)."""
    for call in _calls(module):
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "shutdown" or not call.args:
            continue  # without an argument it is an executor's or the logging module's
        if module.path not in CLOSING_MODULES:
            yield call, f"shutdown() of a socket belongs to {CLOSING_MODULES[0]} alone"
        elif last_name(call.args[0]) != "SHUT_WR":
            yield call, "only SHUT_WR, and only on the plain socket"


def no_tls_socket_on_the_server(module: Module) -> Found:
    """TLS runs over memory, so that no record flood and no silent handshake holds a thread."""
    if module.path.startswith("secure_chat/server/"):
        for call in _calls(module):
            if last_name(call.func) == "wrap_socket":
                yield call, "wrap_socket(): TLS runs over ssl.MemoryBIO"


def no_unverified_tls(module: Module) -> Found:
    """A connection is verified or it does not come to be."""
    for node in module.nodes:
        match node:
            case ast.Name() | ast.Attribute() if last_name(node) in ("CERT_NONE", "_create_unverified_context"):
                yield node, f"{last_name(node)}: no unverified TLS"
            case ast.Assign(targets=targets, value=value) if any(last_name(t) == "check_hostname" for t in targets):
                if not (isinstance(value, ast.Constant) and value.value is True):
                    yield node, "check_hostname stays True"
            case ast.keyword(arg="check_hostname", value=value):
                if not (isinstance(value, ast.Constant) and value.value is True):
                    yield value, "check_hostname stays True"
            case ast.Constant(value="--insecure" | "--no-verify" as option):
                yield node, f"no {option}"


# --- code, processes -----------------------------------------------------------------------------


def no_code_from_bytes(module: Module) -> Found:
    """Nothing that was received or stored is ever run."""
    for node, name in imports(module):
        if name.split(".")[0] in CODE_FROM_BYTES:
            yield node, f"no {name.split('.')[0]}"
    for call in _calls(module):
        if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec", "compile"):
            yield call, f"no {call.func.id}()"


def no_shell_and_no_fork(module: Module) -> Found:
    """A program is started from a list of arguments, afresh: a fork copies locks and secrets."""
    for call in _calls(module):
        shell = _keyword(call, "shell")
        if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
            yield call, "no shell"
        if dotted_name(call.func) in SHELL_CALLS:
            yield call, f"no shell: {dotted_name(call.func)}()"
        if dotted_name(call.func) in FORK_CALLS:
            yield call, f"no fork: {dotted_name(call.func)}()"
        if last_name(call.func) in ("get_context", "set_start_method"):
            method = call.args[0] if call.args else _keyword(call, "method")
            if not (isinstance(method, ast.Constant) and method.value == "spawn"):
                yield call, "no fork: the start method is spawn"


def no_sleep(module: Module) -> Found:
    """Who waits, waits for an event: a sleeping thread hears neither the event nor the end."""
    for call in _calls(module):
        if dotted_name(call.func) in ("time.sleep", "sleep"):
            yield call, "no time.sleep(): wait for the event, with a deadline"


# --- data ----------------------------------------------------------------------------------------


def no_sql_from_pieces(module: Module) -> Found:
    """A statement is a constant; what varies is bound."""
    executed = {id(call.args[0]) for call in _calls(module) if last_name(call.func) in SQL_CALLS and call.args}
    for node in module.nodes:
        if _is_pieced(node) and (id(node) in executed or SQL_BEGINS.match(_first_piece(node))):
            yield node, "a statement put together: bind the values"


def _is_pieced(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(left=left, op=ast.Mod()):
            return isinstance(left, ast.Constant) and isinstance(left.value, str)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            return True
        case _:
            return False


def _first_piece(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[first, *_]) | ast.BinOp(left=first):
            return _first_piece(first)
        case ast.Call(func=ast.Attribute(value=first)):
            return _first_piece(first)
        case _:
            return ""


def no_allocation_from_a_declared_length(module: Module) -> Found:
    """Memory is taken for bytes that came, never for bytes that were announced."""
    for call in _calls(module):
        if isinstance(call.func, ast.Name) and call.func.id in ("bytes", "bytearray") and len(call.args) == 1:
            name = last_name(call.args[0])
            if SIZE.search(name) and not name.isupper():
                yield call, f"{call.func.id}({name}): no allocation from a declared length"


# --- secrets -------------------------------------------------------------------------------------


def no_plain_comparison_of_secrets(module: Module) -> Found:
    """`==` ends at the first byte that differs, and its time says where."""
    for node in module.nodes:
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            looked_at = (left, right) if isinstance(operator, ast.Eq | ast.NotEq) else (left,)
            if not isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
                continue
            for side in looked_at:
                name = last_name(side)
                if (SECRET.search(name) or FORGEABLE.search(name)) and not name.isupper():
                    yield node, f"{name}: secrets are compared by hmac.compare_digest"


def no_signature_checked_by_the_wrong_library(module: Module) -> Found:
    """Ed25519 is verified by one library, PyNaCl: two disagree about malformed signatures."""
    for node in module.nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else [last_name(node)]
        if "Ed25519PublicKey" in names:
            yield node, "Ed25519 signatures are verified by PyNaCl"


def _secrets_shown_by_repr(module: Module, with_own_repr: set[str]) -> Found:
    """A secret never shows in `repr`: a log line or a traceback would carry it away."""
    for node in module.nodes:
        if not isinstance(node, ast.ClassDef) or node.name in with_own_repr:
            continue
        if any(
            last_name(base.value if isinstance(base, ast.Subscript) else base) in with_own_repr for base in node.bases
        ):
            continue
        for line in node.body:
            match line:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                    if SECRET.search(name) and _is_bytes_or_text(annotation) and not _hidden(value):
                        yield line, f"{node.name}.{name} shows in repr: field(repr=False), or a __repr__ without it"


def _defines_repr(node: ast.ClassDef) -> bool:
    return any(isinstance(line, ast.FunctionDef) and line.name == "__repr__" for line in node.body)


def _is_bytes_or_text(annotation: ast.expr) -> bool:
    return any(last_name(part) in BYTES_OR_TEXT for part in ast.walk(annotation))


def _hidden(value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Call):
        return False
    shown = _keyword(value, "repr")
    return isinstance(shown, ast.Constant) and shown.value is False


RULES: Final[tuple[Callable[[Module], Found], ...]] = (
    no_shutdown_of_tls,
    no_tls_socket_on_the_server,
    no_unverified_tls,
    no_code_from_bytes,
    no_shell_and_no_fork,
    no_sleep,
    no_sql_from_pieces,
    no_allocation_from_a_declared_length,
    no_plain_comparison_of_secrets,
    no_signature_checked_by_the_wrong_library,
)

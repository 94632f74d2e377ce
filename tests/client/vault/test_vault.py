"""The vault keeps what a transaction wrote, all of it or nothing, and shows it to nobody else."""

import gc
import os
import threading
import types
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.errors import PassphraseInvalid, VaultDamaged, VaultFull, VaultPassphrase, VaultPermissions
from tests.client.vault.faults import failing_commit
from tests.client.vault.vaults import (
    FLOOR,
    NOTES,
    OTHER_NOTES,
    PASSPHRASE,
    SEED,
    Note,
    alter,
    every_byte_on_disk,
    make_vault,
    one_row,
    open_vault,
    private_directory,
)


@pytest.fixture
def vault(vault_directory: Path) -> Vault:
    return open_vault(vault_directory)


def write(vault: Vault, row_id: str, text: str) -> None:
    with vault.transaction() as transaction:
        transaction.put(NOTES, row_id, Note(text))


def change_and_raise(vault: Vault, error: BaseException) -> None:
    with vault.transaction() as transaction:
        transaction.put(NOTES, "first", Note("changed"))
        transaction.put(NOTES, "second", Note("new"))
        transaction.delete(NOTES, "first")
        raise error


# --- opening -------------------------------------------------------------------------------------


def test_a_wrong_passphrase_is_refused_and_another_may_be_tried(vault_directory: Path) -> None:
    with SealedVault(vault_directory) as sealed:
        for wrong in ("Correct horse battery staple", PASSPHRASE + "!"):
            with pytest.raises(VaultPassphrase) as refusal:
                sealed.unlock(wrong)
            assert refusal.value.code == "vault.passphrase"
        with sealed.unlock(PASSPHRASE) as vault:
            assert vault.get(NOTES, "first") == Note("buy milk")


def test_a_passphrase_that_cannot_be_one_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)
    with pytest.raises(PassphraseInvalid):
        create_vault(directory, "", SEED, lambda _: None, cost=FLOOR)
    assert os.listdir(directory) == []


def test_a_vault_is_not_made_where_others_look_in(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)
    directory.chmod(0o755)
    with pytest.raises(VaultPermissions):
        make_vault(directory)


def test_a_vault_is_not_made_over_another(vault_directory: Path) -> None:
    before = (vault_directory / "keystore.db").read_bytes()
    with pytest.raises(FileExistsError):
        make_vault(vault_directory)
    assert (vault_directory / "keystore.db").read_bytes() == before
    open_vault(vault_directory).close()


def test_a_vault_whose_first_commit_fails_is_let_go(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)
    with pytest.raises(VaultFull):
        make_vault(directory, factory=failing_commit(13))
    with pytest.raises(VaultDamaged):
        open_vault(directory)  # there is nothing in it, and nobody holds it


def test_the_default_cost_opens_too(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)
    create_vault(directory, PASSPHRASE, SEED, lambda _: None).close()
    with open_vault(directory) as vault:
        assert vault.unlock_identity(PASSPHRASE) == SEED


def test_the_same_passphrase_typed_on_another_keyboard_opens(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)
    create_vault(directory, "Gr\u00fc\u00dfe", SEED, lambda _: None, cost=FLOOR).close()
    open_vault(directory, "Gru\u0308\u00dfe").close()


# --- transactions --------------------------------------------------------------------------------


def test_what_was_committed_is_there_after_closing_and_opening(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        write(vault, "second", "call Bob")
    with open_vault(vault_directory) as vault:
        assert vault.scan(NOTES) == [("first", Note("buy milk")), ("second", Note("call Bob"))]


def test_a_transaction_that_raises_leaves_nothing(vault: Vault) -> None:
    with vault:
        with pytest.raises(ZeroDivisionError):
            change_and_raise(vault, ZeroDivisionError())
        assert vault.scan(NOTES) == [("first", Note("buy milk"))]


def test_an_interrupt_in_a_transaction_leaves_nothing(vault: Vault) -> None:
    with vault:
        with pytest.raises(KeyboardInterrupt):
            change_and_raise(vault, KeyboardInterrupt())
        assert vault.scan(NOTES) == [("first", Note("buy milk"))]


def test_a_transaction_reads_what_it_wrote(vault: Vault) -> None:
    with vault, vault.transaction() as transaction:
        transaction.put(NOTES, "second", Note("new"))
        assert transaction.get(NOTES, "second") == Note("new")
        transaction.delete(NOTES, "second")
        assert transaction.get(NOTES, "second") is None
        transaction.delete(NOTES, "never there")


def test_a_transaction_is_useless_once_it_has_ended(vault: Vault) -> None:
    with vault:
        with vault.transaction() as transaction:
            pass
        with pytest.raises(RuntimeError, match="has ended"):
            transaction.get(NOTES, "first")
        with pytest.raises(RuntimeError, match="has ended"):
            transaction.put(NOTES, "late", Note("late"))


def test_a_transaction_inside_another_is_a_mistake_that_is_told(vault: Vault) -> None:
    with vault:
        with vault.transaction(), pytest.raises(RuntimeError, match="already running"):
            vault.get(NOTES, "first")
        assert vault.get(NOTES, "first") is not None


def test_tables_do_not_see_each_other(vault: Vault) -> None:
    with vault, vault.transaction() as transaction:
        transaction.put(OTHER_NOTES, "first", Note("other"))
        assert transaction.get(NOTES, "first") == Note("buy milk")
        assert transaction.scan(OTHER_NOTES) == [("first", Note("other"))]


def test_a_scan_goes_both_ways_and_stops_where_it_is_told(vault: Vault) -> None:
    with vault, vault.transaction() as transaction:
        for number in range(5):
            transaction.put(OTHER_NOTES, f"{number}", Note(f"text {number}"))
        ids = [row_id for row_id, _ in transaction.scan(OTHER_NOTES, after="1", limit=2)]
        assert ids == ["2", "3"]
        newest = [row_id for row_id, _ in transaction.scan(OTHER_NOTES, limit=2, newest_first=True)]
        assert newest == ["4", "3"]


@pytest.mark.parametrize("row_id", ["", "x" * (limits.MAX_VAULT_ROW_ID_CHARACTERS + 1)])
def test_a_row_id_of_no_or_too_many_characters_is_a_mistake(vault: Vault, row_id: str) -> None:
    with vault, pytest.raises(ValueError, match="1 to 200"):
        write(vault, row_id, "text")


def test_threads_take_turns(vault: Vault) -> None:
    def write_ten(name: str) -> None:
        for turn in range(10):
            write(vault, f"{name}-{turn}", name)

    threads = [threading.Thread(target=write_ten, args=(f"{number}",)) for number in range(4)]
    with vault:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(vault.scan(NOTES)) == 41


def test_a_second_close_does_nothing(vault: Vault) -> None:
    vault.close()
    vault.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "delete", "fail"]),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
            st.text(max_size=20),
        ),
        max_size=15,
    )
)
@settings(max_examples=15)
def test_the_vault_does_what_a_dictionary_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    directory = private_directory(tmp_path_factory.mktemp("model"))
    model: dict[str, Note] = {"first": Note("buy milk")}
    with make_vault(directory) as vault:
        for action, row_id, text in steps:
            try:
                with vault.transaction() as transaction:
                    if action == "delete":
                        transaction.delete(NOTES, row_id)
                        model.pop(row_id, None)
                    else:
                        transaction.put(NOTES, row_id, Note(text))
                        if action == "fail":
                            raise ZeroDivisionError
                        model[row_id] = Note(text)
            except ZeroDivisionError:
                continue
        assert dict(vault.scan(NOTES)) == model


# --- what lies on the disk -----------------------------------------------------------------------


def test_nothing_of_a_record_or_key_is_on_the_disk_in_clear(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        write(vault, "second", "a word that nobody else may read")
        found = every_byte_on_disk(vault_directory)
        for secret in (b"nobody else may read", b"buy milk", PASSPHRASE.encode(), SEED, vault._key):
            assert secret not in found
    found = every_byte_on_disk(vault_directory)
    assert b"nobody else may read" not in found
    assert b"second" in found  # the control: an id is where it can be found


def test_a_hidden_id_tells_nobody_for_what_it_stands(vault: Vault) -> None:
    with vault, vault.transaction() as transaction:
        ids = {transaction.hidden_id(table, name) for table in (NOTES, OTHER_NOTES) for name in ("lobby", "dev")}
        assert len(ids) == 4
        assert transaction.hidden_id(NOTES, "lobby") in ids
    with pytest.raises(RuntimeError):
        transaction.get(NOTES, "lobby")


def test_a_hidden_id_differs_from_vault_to_vault(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "other"):
        with make_vault(private_directory(tmp_path, name)) as vault, vault.transaction() as transaction:
            ids.add(transaction.hidden_id(NOTES, "lobby"))
    assert len(ids) == 2


def test_each_write_has_a_nonce_of_its_own_and_counts_the_row_on(vault_directory: Path) -> None:
    nonces, generations = set(), []
    for _ in range(3):
        with open_vault(vault_directory) as vault:
            write(vault, "first", "the same text")
            found = vault._database.execute("SELECT nonce, generation FROM rows WHERE row_id = 'first'")
            nonces.add(found[0][0])
            generations.append(found[0][1])
    assert len(nonces) == 3
    assert generations == [2, 3, 4]


def test_the_log_is_empty_after_closing(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        write(vault, "second", "text")
        assert (vault_directory / "keystore.db-wal").stat().st_size > 0
    assert sorted(os.listdir(vault_directory)) == ["keystore.db", "lock"]


def test_what_was_deleted_or_written_over_is_nowhere_in_the_closed_files(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        for row_id in ("second", "third"):
            write(vault, row_id, "x" * 300)
    gone = [row for row in all_rows(vault_directory) if row[0] in ("first", "second")]
    with open_vault(vault_directory) as vault:
        write(vault, "first", "written over")
        with vault.transaction() as transaction:
            transaction.delete(NOTES, "second")
    found = every_byte_on_disk(vault_directory)
    assert len(gone) == 2
    assert not any(sealed in found for _, sealed in gone)
    assert all(sealed in found for _, sealed in all_rows(vault_directory))  # the control


def all_rows(directory: Path) -> list[tuple[str, bytes]]:
    with open_vault(directory) as vault:
        found = vault._database.execute("SELECT row_id, sealed FROM rows")
    return [(row_id, sealed) for row_id, sealed in found if isinstance(row_id, str) and isinstance(sealed, bytes)]


def test_a_vault_does_not_show_its_key(vault: Vault) -> None:
    with vault, vault.transaction() as transaction:
        key = vault._key
        for shown in (repr(vault), repr(transaction), repr(Note("secret words"))):
            assert key.hex() not in shown
            assert repr(key) not in shown
            assert "secret words" not in shown


# --- somebody else writes to the file ------------------------------------------------------------


@pytest.mark.negative(29)
def test_a_row_moved_to_another_table_is_refused(vault_directory: Path) -> None:
    assert alter(vault_directory, "UPDATE rows SET table_name = 'other_note'") == 1
    with open_vault(vault_directory) as vault, pytest.raises(VaultDamaged) as refusal:
        vault.get(OTHER_NOTES, "first")
    assert refusal.value.code == "vault.damaged"


@pytest.mark.negative(29)
def test_two_rows_exchanged_are_refused(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        write(vault, "second", "other")
    alter(vault_directory, "UPDATE rows SET row_id = 'x' WHERE row_id = 'first'")
    alter(vault_directory, "UPDATE rows SET row_id = 'first' WHERE row_id = 'second'")
    with open_vault(vault_directory) as vault, pytest.raises(VaultDamaged):
        vault.get(NOTES, "first")


@pytest.mark.negative(70)
def test_a_row_of_an_older_generation_under_the_newer_one_is_refused(vault_directory: Path) -> None:
    older = one_row(vault_directory, "SELECT nonce, sealed FROM rows")
    with open_vault(vault_directory) as vault:
        write(vault, "first", "newer")
    assert alter(vault_directory, "UPDATE rows SET nonce = ?, sealed = ?", *older) == 1
    with open_vault(vault_directory) as vault, pytest.raises(VaultDamaged):
        vault.get(NOTES, "first")


def test_a_row_newly_made_does_not_take_up_what_was_deleted_under_another_count(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        write(vault, "first", "second write")
    older = one_row(vault_directory, "SELECT nonce, sealed FROM rows")
    with open_vault(vault_directory) as vault:
        with vault.transaction() as transaction:
            transaction.delete(NOTES, "first")
        write(vault, "first", "anew")
    assert alter(vault_directory, "UPDATE rows SET nonce = ?, sealed = ?", *older) == 1
    with open_vault(vault_directory) as vault, pytest.raises(VaultDamaged):
        vault.get(NOTES, "first")


@pytest.mark.negative(29)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET sealed = zeroblob(24)",
        "UPDATE rows SET sealed = 'text'",
        "UPDATE rows SET sealed = x''",
        "UPDATE rows SET nonce = zeroblob(24)",
        "UPDATE rows SET nonce = zeroblob(23)",
        "UPDATE rows SET nonce = 5",
        "UPDATE rows SET generation = generation + 1",
        "UPDATE rows SET generation = -1",
        "UPDATE rows SET generation = 'text'",
        "UPDATE rows SET generation = 1.5",
        "UPDATE rows SET schema = 0",
        "UPDATE rows SET schema = -1",
        "UPDATE rows SET schema = 70000",
    ],
)
@pytest.mark.negative(29)
def test_a_row_altered_in_any_column_is_refused(vault_directory: Path, statement: str) -> None:
    assert alter(vault_directory, statement) == 1
    with open_vault(vault_directory) as vault, pytest.raises(VaultDamaged):
        vault.get(NOTES, "first")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM header WHERE name = 'wrap-vault'",
        "UPDATE header SET content = 5",
        "UPDATE header SET content = x''",
        "UPDATE header SET content = content || x'00'",
    ],
)
@pytest.mark.negative(70)
def test_a_header_altered_or_missing_is_refused(vault_directory: Path, statement: str) -> None:
    alter(vault_directory, statement)
    with pytest.raises(VaultDamaged):
        open_vault(vault_directory)


def test_the_wraps_of_key_and_identity_exchanged_do_not_open(vault_directory: Path) -> None:
    alter(vault_directory, "UPDATE header SET name = 'x' WHERE name = 'wrap-vault'")
    alter(vault_directory, "UPDATE header SET name = 'wrap-vault' WHERE name = 'wrap-uik'")
    with pytest.raises(VaultPassphrase):
        open_vault(vault_directory)


# --- the identity's seed -------------------------------------------------------------------------


@pytest.mark.negative(75)
def test_an_open_vault_gives_the_identity_only_for_the_passphrase(vault: Vault) -> None:
    with vault:
        with pytest.raises(VaultPassphrase):
            vault.unlock_identity("something else")
        assert vault.unlock_identity(PASSPHRASE) == SEED


@pytest.mark.negative(75)
def test_an_open_vault_does_not_hold_the_identity(vault_directory: Path) -> None:
    """Neither its objects nor anything that its master key opens has the seed."""
    with open_vault(vault_directory) as vault:
        assert SEED not in b"".join(reachable_bytes(vault))
        assert vault._key in b"".join(reachable_bytes(vault))  # the control: the search finds what is held


def reachable_bytes(root: object) -> list[bytes]:
    """Every bytes object that can be reached from `root` through attributes, containers and closures."""
    found: list[bytes] = []
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type | types.ModuleType):
            continue
        seen.add(id(item))
        if isinstance(item, bytes):
            found.append(item)
        elif isinstance(item, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
            continue
        else:
            waiting.extend(gc.get_referents(item))
    return found


def test_the_identity_is_sealed_under_a_salt_of_its_own(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        contents = [row[0] for row in vault._database.execute("SELECT content FROM header")]
    salts = {content[11:27] for content in contents if isinstance(content, bytes)}
    assert len(salts) == 2


def test_the_first_rows_are_written_with_the_wraps_or_not_at_all(tmp_path: Path) -> None:
    directory = private_directory(tmp_path)

    def fail(_: Transaction) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_vault(directory, PASSPHRASE, SEED, fail, cost=FLOOR)
    with pytest.raises(VaultDamaged):
        open_vault(directory)

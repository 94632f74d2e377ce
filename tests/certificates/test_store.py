"""Keys lie where only their owner reads them, nothing is ever lost or overwritten, and a cut run goes on."""

import errno
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from secure_chat.certificates import files as file_layer
from secure_chat.certificates.contexts import rehearse
from secure_chat.certificates.files import make_private_directory, read_private, read_public, replace, write_new
from secure_chat.certificates.issuing import names_of
from secure_chat.certificates.pins import log_pin, server_id
from secure_chat.certificates.store import (
    CertificateDirectory,
    issue_client,
    issue_server,
    load_authority,
    load_certificates,
    load_log_key,
    load_server_identity,
    make_authority,
    prepare,
)
from secure_chat.errors import (
    CertificateError,
    CertificateExists,
    CertificateExposed,
    CertificateMissing,
    HostInvalid,
)
from secure_chat.limits import CERTIFICATE_DAYS, MAX_CERTIFICATE_FILE_BYTES
from tests.certificates.impostors import NOW, Issuer

NAMES = ("localhost", "127.0.0.1", "::1")


@pytest.fixture
def directory(tmp_path: Path) -> CertificateDirectory:
    return CertificateDirectory(tmp_path / "certs")


def snapshot(directory: CertificateDirectory) -> dict[str, bytes]:
    return {
        path.relative_to(directory.path).as_posix(): path.read_bytes()
        for path in sorted(directory.path.rglob("*"))
        if path.is_file()
    }


# --- preparing -----------------------------------------------------------------------------------


def test_one_call_makes_all_that_a_server_needs(directory: CertificateDirectory) -> None:
    prepared = prepare(directory, NAMES, NOW)
    assert (prepared.authority_made, prepared.log_key_made, prepared.server_certificate_made) == (True, True, True)
    identity = prepared.identity
    assert identity.names == NAMES
    assert identity.ends == NOW.replace(microsecond=0) + timedelta(days=CERTIFICATE_DAYS)
    assert identity.server_id == server_id(identity.authority)
    assert log_pin(identity.log_public_key)
    for name in NAMES:
        rehearse(directory.server_certificate, directory.server_key, identity.authority, name, NOW)


def test_private_keys_are_for_their_owner_alone_whatever_the_umask(directory: CertificateDirectory) -> None:
    before = os.umask(0)
    try:
        prepare(directory, NAMES, NOW)
        issue_server(directory, NAMES, 1, NOW)
        issue_client(directory, ["alice-laptop"], 1, NOW)
    finally:
        os.umask(before)
    keys = list(directory.path.rglob("*.key"))
    assert len(keys) == 5
    for key in keys:
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key
    for place in (directory.path, directory.authority_key.parent, directory.retired, directory.clients):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700, place


def test_a_prepared_directory_stays_as_it_is(directory: CertificateDirectory) -> None:
    first = prepare(directory, NAMES, NOW)
    before = snapshot(directory)
    again = prepare(directory, ["another.example"], NOW)
    assert (again.authority_made, again.log_key_made, again.server_certificate_made) == (False, False, False)
    assert again.identity == first.identity
    assert snapshot(directory) == before


@pytest.mark.parametrize("written", range(1, 6))
def test_a_run_that_was_cut_after_any_file_is_continued(
    directory: CertificateDirectory, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def cut(path: Path) -> None:
        nonlocal count
        if path in (directory.path, directory.authority_key.parent):
            count += 1
            if count == written:
                raise KeyboardInterrupt

    monkeypatch.setattr(file_layer, "flush_directory", cut)
    with pytest.raises(KeyboardInterrupt):
        prepare(directory, NAMES, NOW)
    monkeypatch.undo()
    left = snapshot(directory)
    prepared = prepare(directory, NAMES, NOW)
    rehearse(directory.server_certificate, directory.server_key, prepared.identity.authority, "localhost", NOW)
    after = snapshot(directory)
    for name, content in left.items():
        assert content in after.values(), name


def test_an_authority_kept_elsewhere_is_not_missed_by_the_server(directory: CertificateDirectory) -> None:
    first = prepare(directory, NAMES, NOW)
    directory.authority_key.unlink()
    directory.authority_key.parent.rmdir()
    directory.authority_certificate.unlink()
    assert prepare(directory, NAMES, NOW).identity == first.identity
    with pytest.raises(CertificateExists):
        make_authority(directory, NOW)
    with pytest.raises(CertificateMissing):
        issue_server(directory, NAMES, 1, NOW)


def test_a_lost_log_key_is_never_silently_made_anew(directory: CertificateDirectory) -> None:
    prepare(directory, NAMES, NOW)
    directory.log_key.unlink()
    with pytest.raises(CertificateMissing, match="log") as refusal:
        prepare(directory, NAMES, NOW)
    assert "backup" in refusal.value.next_step
    assert not directory.log_key.exists()


def test_a_second_authority_is_not_made_over_the_first(directory: CertificateDirectory) -> None:
    make_authority(directory, NOW)
    before = snapshot(directory)
    with pytest.raises(CertificateExists):
        make_authority(directory, NOW)
    assert snapshot(directory) == before


# --- issuing again -------------------------------------------------------------------------------


def test_what_the_server_had_before_is_kept_under_its_serial_number(directory: CertificateDirectory) -> None:
    authority = prepare(directory, NAMES, NOW).identity.authority
    before = snapshot(directory)
    serial = load_certificates(directory.server_certificate)[0].serial_number
    certificate = issue_server(directory, ["team.example.org"], 30, NOW)
    after = snapshot(directory)
    assert after[f"retired/server-{serial:040x}.crt"] == before["server.crt"]
    assert after[f"retired/server-{serial:040x}.key"] == before["server.key"]
    assert after["server.key"] != before["server.key"]
    assert names_of(certificate) == ("team.example.org",)
    rehearse(directory.server_certificate, directory.server_key, authority, "team.example.org", NOW)


def test_a_refused_issue_changes_nothing(directory: CertificateDirectory) -> None:
    prepare(directory, NAMES, NOW)
    before = snapshot(directory)
    with pytest.raises(HostInvalid):
        issue_server(directory, ["not a host"], 30, NOW)
    with pytest.raises(CertificateError):
        issue_server(directory, NAMES, 0, NOW)
    assert snapshot(directory) == before


@pytest.mark.parametrize("step", range(1, 8))
def test_a_full_disk_at_any_step_of_issuing_again_loses_no_certificate_and_no_key(
    directory: CertificateDirectory, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(directory, NAMES, NOW)
    before = snapshot(directory)
    count = 0
    flush = os.fsync

    def full(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CertificateError, match="No space left"):
        issue_server(directory, NAMES, 30, NOW)
    monkeypatch.undo()
    kept = snapshot(directory)
    assert set(before.values()) <= set(kept.values())
    assert not [name for name in kept if "/." in f"/{name}"]  # nothing half-written is left
    issue_server(directory, NAMES, 30, NOW)
    authority = load_server_identity(directory.server_certificate, directory.log_key).authority
    rehearse(directory.server_certificate, directory.server_key, authority, "localhost", NOW)


def test_a_client_gets_a_certificate_of_its_own_once(directory: CertificateDirectory) -> None:
    make_authority(directory, NOW)
    _, path = issue_client(directory, ["Alice-Laptop"], 30, NOW)
    assert path == directory.clients / "alice-laptop.crt"
    before = snapshot(directory)
    with pytest.raises(CertificateExists):
        issue_client(directory, ["alice-laptop"], 30, NOW)
    assert snapshot(directory) == before


@pytest.mark.parametrize("name", ["../server", "/etc/passwd", "a/b", "..", "server.crt\x00"])
def test_a_clients_name_never_leads_out_of_its_directory(directory: CertificateDirectory, name: str) -> None:
    make_authority(directory, NOW)
    before = snapshot(directory)
    with pytest.raises(HostInvalid):
        issue_client(directory, [name], 30, NOW)
    assert snapshot(directory) == before


# --- reading -------------------------------------------------------------------------------------


def test_the_server_reads_its_identity_without_the_authoritys_key(directory: CertificateDirectory) -> None:
    prepared = prepare(directory, NAMES, NOW)
    directory.authority_key.unlink()
    identity = load_server_identity(directory.server_certificate, directory.log_key)
    assert identity == prepared.identity
    assert identity.leaf == load_certificates(directory.server_certificate)[0].public_bytes(Encoding.DER)


def test_a_chain_that_is_not_a_certificate_and_its_authoritys_is_refused(directory: CertificateDirectory) -> None:
    prepare(directory, NAMES, NOW)
    leaf, authority = load_certificates(directory.server_certificate)
    other = Issuer.make()
    for chain, reason in (
        ([leaf], "holds 1 certificates"),
        ([leaf, authority, authority], "holds 3 certificates"),
        ([leaf, other.certificate], "was not issued"),
        ([authority, leaf], "not the certificate of an authority"),
    ):
        directory.server_certificate.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
        with pytest.raises(CertificateError, match=reason):
            load_server_identity(directory.server_certificate, directory.log_key)


def test_an_authoritys_key_that_is_not_of_its_certificate_signs_nothing(
    directory: CertificateDirectory, tmp_path: Path
) -> None:
    other = CertificateDirectory(tmp_path / "other")
    make_authority(directory, NOW)
    make_authority(other, NOW)
    other.authority_key.replace(directory.authority_key)
    with pytest.raises(CertificateError, match="is not the key of"):
        load_authority(directory)


def test_keys_of_another_kind_are_refused(directory: CertificateDirectory) -> None:
    make_authority(directory, NOW)
    authority_key, log_key = directory.authority_key.read_bytes(), directory.log_key.read_bytes()
    directory.log_key.write_bytes(authority_key)
    with pytest.raises(CertificateError, match="Ed25519"):
        load_log_key(directory.log_key)
    directory.authority_key.write_bytes(log_key)
    with pytest.raises(CertificateError, match="P-256"):
        load_authority(directory)
    directory.authority_key.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(CertificateError, match="not a private key"):
        load_authority(directory)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o620])
def test_a_key_that_others_can_use_is_refused(directory: CertificateDirectory, mode: int) -> None:
    make_authority(directory, NOW)
    directory.log_key.chmod(mode)
    with pytest.raises(CertificateExposed) as refusal:
        load_log_key(directory.log_key)
    assert refusal.value.next_step == f"chmod 600 {directory.log_key}"


def test_a_key_of_another_user_is_refused(directory: CertificateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    make_authority(directory, NOW)
    owner = 12345
    if os.geteuid() == 0:
        os.chown(directory.log_key, owner, -1)  # a key of root is everybody's to use who may read it
    else:
        owner = os.geteuid()
    load_log_key(directory.log_key)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(CertificateExposed, match="belongs to another user"):
        load_log_key(directory.log_key)


def test_an_authority_does_not_show_its_key(directory: CertificateDirectory) -> None:
    make_authority(directory, NOW)
    assert "PrivateKey" not in repr(load_authority(directory))


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(MAX_CERTIFICATE_FILE_BYTES))
    assert len(read_public(path)) == MAX_CERTIFICATE_FILE_BYTES
    path.write_bytes(bytes(MAX_CERTIFICATE_FILE_BYTES + 1))
    path.chmod(0o600)
    for read in (read_public, read_private):
        with pytest.raises(CertificateError, match="longer"):
            read(path)


def test_what_is_no_file_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="not a file"):
        read_private(Path("/dev/null"))
    with pytest.raises(CertificateError):
        read_private(tmp_path)


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"first")
    with pytest.raises(CertificateExists, match="nothing was overwritten"):
        write_new(path, b"second", 0o600)
    assert path.read_bytes() == b"first"


def test_a_replacement_that_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "server.crt"
    path.mkdir()
    with pytest.raises(CertificateError):
        replace(path, b"new", 0o644)
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_everybody_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(CertificateExposed, match="Everybody can write"):
        make_private_directory(tmp_path)


def test_a_file_in_the_place_of_the_directory_is_said(tmp_path: Path) -> None:
    path = tmp_path / "certs"
    path.write_bytes(b"")
    with pytest.raises(CertificateError, match="is not a directory"):
        prepare(CertificateDirectory(path), NAMES, NOW)

"""Everything a person or an operator may be told: one small tree, each error with a stable code."""

from typing import ClassVar


class ChatError(Exception):
    """Anything a person or an operator may be told.

    `code` is the only promise: scripts and clients compare it, never the sentence. `hint` names the
    next step; `retry_after` is in seconds and None where waiting does not help.
    """

    code: ClassVar[str] = "internal"
    hint: ClassVar[str] = ""

    def __init__(self, sentence: str = "", *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(sentence or (type(self).__doc__ or "").strip().splitlines()[0])
        self.sentence = str(self)
        self.next_step = self.hint if hint is None else hint
        self.retry_after = retry_after


class InternalError(ChatError):
    """Something went wrong on the server; the log names it."""

    code = "internal"


# --- encodings and public keys -------------------------------------------------------------------


class EncodingError(ChatError):
    """Bytes that are not a valid encoding."""

    code = "encoding.invalid"


class SignatureError(ChatError):
    """A signature that does not verify."""

    code = "signature.invalid"


class DeviceListError(ChatError):
    """A device list that breaks a rule of device lists."""

    code = "device_list.invalid"


class DeviceListConflict(DeviceListError):
    """Two different device lists bear the same version: the server or the account's owner is lying."""

    code = "device_list.conflict"


class DeviceListOutdated(DeviceListError):
    """This device list is older than the one already accepted."""

    code = "device_list.outdated"


class DeviceListGap(DeviceListError):
    """Versions of this device list are missing in between."""

    code = "device_list.gap"


class DeviceUnknown(ChatError):
    """This device is not in the newest device list of its owner."""

    code = "device.unknown"


class PrekeyError(ChatError):
    """A prekey that breaks a rule of prekeys."""

    code = "prekey.invalid"


class PrekeyTooOld(PrekeyError):
    """This device has not been seen for 60 days."""

    code = "prekey.too_old"


class PrekeysFull(ChatError):
    """The shelf of this device holds as many one-time prekeys as a shelf may."""

    code = "prekey.full"


# --- direct messages: what cannot be opened --------------------------------------------------------


class MessageUnreadable(ChatError):
    """This message cannot be opened on this device."""

    code = "message.unreadable"
    hint = "ask the sender to send it again"
    reason: ClassVar[int] = 3  # what a request to send it again gives as the reason; PROTOCOL.md 18.3


class TagInvalid(MessageUnreadable):
    """This message was altered, or is not from whom it names."""

    code = "message.tag"


class SkipTooFar(MessageUnreadable):
    """Too many messages before this one are missing."""

    code = "message.skip"
    reason = 4


class KeyGone(MessageUnreadable):
    """The key of this message was used or has expired."""

    code = "message.expired_key"
    reason = 5


class ContentInvalid(MessageUnreadable):
    """This message was opened, and its content is none that this protocol knows."""

    code = "message.content"


class SessionUnknown(MessageUnreadable):
    """This message belongs to a session that this device does not have."""

    code = "session.unknown"
    reason = 1


class PrekeyGone(MessageUnreadable):
    """This message was made for a prekey that this device does not have any more."""

    code = "session.no_prekey"
    reason = 2


class SessionMismatch(MessageUnreadable):
    """The two sides of this session do not agree on its keys."""

    code = "session.mismatch"


class SessionReplayed(MessageUnreadable):
    """This beginning of a session was seen before."""

    code = "session.replayed"
    reason = 6


class SessionAhead(MessageUnreadable):
    """This session comes from the future: one of the clocks is wrong."""

    code = "session.ahead"
    reason = 1


class KeyWorthless(MessageUnreadable):
    """A key of this session is of low order: every secret made with it would be zero."""

    code = "session.key"


class SessionEnded(ChatError):
    """This session takes no more messages; the next one opens a new session."""

    code = "session.ended"


class OwnKeyInUse(ChatError):
    """Another device claims a key of this device."""

    code = "key.own"
    hint = "tell the administrator: the server shows a list of devices that its owner cannot use"


# --- names and texts -----------------------------------------------------------------------------


class NameInvalid(ChatError):
    """This name cannot be used."""

    code = "name.invalid"


class NameTaken(ChatError):
    """This name is taken."""

    code = "name.taken"
    hint = "choose another name"


class PassphraseInvalid(ChatError):
    """This passphrase cannot be used."""

    code = "passphrase.invalid"


class RoomNameInvalid(ChatError):
    """A room's name is 1 to 32 of a-z 0-9 - _."""

    code = "room.name_invalid"


class MessageTooLong(ChatError):
    """The message is longer than the limit."""

    code = "message.too_long"
    hint = "shorten it or send it in two parts"


class MessageEmpty(ChatError):
    """Nothing is left of this message to show."""

    code = "message.empty"


# --- certificates and links ----------------------------------------------------------------------


class CertificateError(ChatError):
    """A certificate or key that cannot be used."""

    code = "certificate.invalid"


class CertificateMissing(CertificateError):
    """A certificate or key is not where it should be."""

    code = "certificate.not_found"
    hint = "make the authority: secure-chat-certs init"


class CertificateExists(CertificateError):
    """A certificate or key is there already; nothing is overwritten."""

    code = "certificate.exists"


class CertificateExposed(CertificateError):
    """A private key may be read by others, or does not belong to this user."""

    code = "certificate.permission"


class HostInvalid(ChatError):
    """This is not a host name or an address."""

    code = "host.invalid"
    hint = "write it as team.example.org, 10.0.0.5 or 2001:db8::5"


class LinkInvalid(ChatError):
    """This is not a link of secure_chat."""

    code = "link.invalid"
    hint = "paste the whole line that begins with secure-chat://"


class LinkTooNew(ChatError):
    """This link needs a newer version of secure_chat."""

    code = "link.version"
    hint = "install the newest secure-chat, or ask for a link of version 1"


class TlsError(ChatError):
    """A verified connection to the server could not be made. Nothing was sent."""

    code = "tls.failed"


class TlsPinError(TlsError):
    """This is not the server of your invite: its certificate comes from another authority. Nothing was sent."""

    code = "tls.pin"
    hint = "ask your administrator by another way"


class TlsNameError(TlsError):
    """The server's certificate is not for the name you asked for. Nothing was sent."""

    code = "tls.name"
    hint = "use the name of the invite"


class TlsTimeError(TlsError):
    """The server's certificate has ended or has not begun by your clock. Nothing was sent."""

    code = "tls.time"
    hint = "is your clock right? Administrator: secure-chat-certs issue server"


# --- the wire ------------------------------------------------------------------------------------


class FrameTooLarge(ChatError):
    """A frame is larger than the limit."""

    code = "frame.too_large"


class FrameInvalid(ChatError):
    """A frame that is none."""

    code = "frame.invalid"


class CommandInvalid(ChatError):
    """A request that is not of this protocol."""

    code = "command.invalid"


class NotNow(ChatError):
    """This request is not possible now."""

    code = "command.not_now"


class PermissionDenied(ChatError):
    """This is not allowed."""

    code = "permission.denied"


class RateLimited(ChatError):
    """Slow down."""

    code = "rate.limited"


class Busy(ChatError):
    """The server has more to do than it can; try again."""

    code = "busy"


class TlsAbuse(ChatError):
    """TLS records without end and without content."""

    code = "tls.abuse"


class SlowReader(ChatError):
    """Nothing was read from this connection for too long."""

    code = "slow.reader"


class Deadline(ChatError):
    """This took too long."""

    code = "deadline.passed"


# --- accounts and sessions -----------------------------------------------------------------------


class AuthenticationFailed(ChatError):
    """User name or passphrase is wrong."""

    code = "auth.failed"


class DeviceSignatureInvalid(ChatError):
    """The device's signature does not fit this connection."""

    code = "auth.signature"


class DeviceElsewhere(ChatError):
    """This account's keys are on another device."""

    code = "device.elsewhere"
    hint = "recovery key: secure-chat login --recovery; without it an administrator can reset the account"


class TokenUnknown(ChatError):
    """This session has ended."""

    code = "auth.token_unknown"
    hint = "log in: secure-chat login"


class TokenReused(ChatError):
    """A resume token was used after its successor; all sessions of this device have ended."""

    code = "auth.token_reused"
    hint = "log in: secure-chat login; if this was not you, change your passphrase"


class RegistrationClosed(ChatError):
    """Registration is closed on this server."""

    code = "registration.closed"
    hint = "ask the administrator for an invite"


class InviteUnknown(ChatError):
    """The server does not know this invite."""

    code = "invite.unknown"
    hint = "ask for a new one"


class InviteUsed(ChatError):
    """This invite was used before."""

    code = "invite.used"
    hint = "if it was you, log in: secure-chat login; otherwise ask for a new one"


class InviteExpired(ChatError):
    """This invite has expired."""

    code = "invite.expired"
    hint = "ask for a new one"


class InviteBound(ChatError):
    """This invite is for another name."""

    code = "invite.bound"


class InviteLimit(ChatError):
    """You have as many open invites as one person may have."""

    code = "invite.limit"
    hint = "wait until one is used or ends, or ask the administrator for one"


class InviteProofInvalid(ChatError):
    """This proof was not made with the secret of the invite."""

    code = "invite.proof"


class UserUnknown(ChatError):
    """There is no such user."""

    code = "user.unknown"


class UserDisabled(ChatError):
    """This account is disabled: nothing can be sent to it."""

    code = "user.disabled"


# --- rooms ---------------------------------------------------------------------------------------


class RoomUnknown(ChatError):
    """There is no such room."""

    code = "room.unknown"


class RoomExists(ChatError):
    """This room exists already."""

    code = "room.exists"


class NoRoom(ChatError):
    """You are in no room."""

    code = "room.none"
    hint = "/rooms lists all of them, /join ROOM enters one"


class NotMember(ChatError):
    """Not a member of this room."""

    code = "room.not_member"
    hint = "join it first: /join ROOM"


class RoomLimit(ChatError):
    """More rooms than one account may have."""

    code = "room.limit"


class SearchTooBroad(ChatError):
    """This search takes longer than the server has time for."""

    code = "search.too_broad"
    hint = "more or rarer words, in:#ROOM, from:USER or after:DATE narrow it"


class ClientIdReused(ChatError):
    """The same client id came before with another content."""

    code = "message.id_reused"


class DirectMismatch(ChatError):
    """An envelope's sender or recipient is not the one of its request."""

    code = "direct.mismatch"


class EnvelopeInvalid(ChatError):
    """These bytes are no envelope of this protocol."""

    code = "direct.invalid"


# --- storage -------------------------------------------------------------------------------------


class StorageFull(ChatError):
    """The server's disk is full; nothing was stored."""

    code = "storage.full"


class StorageFailed(ChatError):
    """The server's storage has failed; nothing was stored."""

    code = "storage.failed"


class StorageLocked(ChatError):
    """Another process works on this database."""

    code = "storage.locked"
    hint = "see it: secure-chat-server status"


class StorageExposed(ChatError):
    """Others could read or change the server's database, or it belongs to another user."""

    code = "storage.exposed"


class StorageUnsupported(ChatError):
    """This Python's SQLite cannot do what the server needs."""

    code = "storage.unsupported"
    hint = "install a Python whose SQLite is 3.35 or newer and has FTS5"


class StorageForeign(ChatError):
    """The database's tables are not those of this version."""

    code = "storage.foreign"
    hint = "keep the file: the version that made it can use it; or start with an empty directory: --data DIR"


class StorageTooNew(ChatError):
    """The database was written by a newer version."""

    code = "storage.version"
    hint = "keep the file, and install the newest secure-chat; or start with an empty directory: --data DIR"


# --- settings and the server's own files -----------------------------------------------------------


class SettingInvalid(ChatError):
    """A setting has a value that it cannot have."""

    code = "config.invalid"


class SettingUnknown(SettingInvalid):
    """The settings name something that is none."""

    code = "config.unknown"


class SettingsUnreadable(SettingInvalid):
    """The settings file cannot be read."""

    code = "config.unreadable"


class SettingsMissing(SettingInvalid):
    """There is no such settings file."""

    code = "config.not_found"
    hint = "make one: secure-chat-server quickstart --prepare-only"


class DataDirectoryUnusable(ChatError):
    """The data directory cannot be used."""

    code = "config.data_directory"


class ServerRunning(ChatError):
    """A server is running on this data directory."""

    code = "server.running"
    hint = "see it: secure-chat-server status"


class ServerNotRunning(ChatError):
    """No server is running on this data directory."""

    code = "server.not_running"
    hint = "start it: secure-chat-server run"


class AddressInUse(ChatError):
    """Another program listens on this address."""

    code = "net.in_use"
    hint = "choose another port: --port 0 takes a free one"


class InterpreterUnsupported(SettingInvalid):
    """This Python has no global lock, and nobody has tested the server without it."""

    code = "config.interpreter"
    hint = "use a usual build of Python, or try it: --experimental-free-threading"


class AddressUnusable(ChatError):
    """This address cannot be listened on."""

    code = "net.unusable"


# --- a person's vault, keys and profiles ---------------------------------------------------------


class VaultPermissions(ChatError):
    """Others could read or change the vault's files."""

    code = "vault.permissions"


class VaultOwner(ChatError):
    """The vault's files belong to another user of this machine."""

    code = "vault.owner"


class VaultSymlink(ChatError):
    """A symbolic link or something else stands where one of the vault's files belongs."""

    code = "vault.symlink"


class VaultMissing(ChatError):
    """There is no vault in this profile."""

    code = "vault.missing"
    hint = "secure-chat login --recovery LINK, with the recovery key"


class VaultPassphrase(ChatError):
    """This passphrase does not open the vault."""

    code = "vault.passphrase"
    hint = "type it again; nobody else can open the vault"


class VaultDamaged(ChatError):
    """The vault was damaged or altered."""

    code = "vault.damaged"
    hint = "secure-chat login --recovery LINK, with the recovery key"


class VaultVersion(ChatError):
    """The vault was written by a newer version."""

    code = "vault.version"
    hint = "install the newest secure-chat"


class VaultFull(ChatError):
    """The disk is full: nothing was saved."""

    code = "vault.full"
    hint = "make room on the disk and try again"


class VaultFailed(ChatError):
    """The vault cannot be written or read: what was last done may not be saved."""

    code = "vault.failed"
    hint = "check the disk and start again"


class PassphraseChangePending(ChatError):
    """A change of the passphrase was begun and neither finished nor given up."""

    code = "vault.change_pending"
    hint = "log in with the passphrase that the server knows: secure-chat login"


class ProfileBusy(ChatError):
    """This profile is open in another window."""

    code = "profile.busy"
    hint = "close it there first"


class ProfileUnknown(ChatError):
    """There is no such profile."""

    code = "profile.unknown"


class ProfileAmbiguous(ChatError):
    """More than one profile fits."""

    code = "profile.ambiguous"


class ProfileExists(ChatError):
    """There is a profile for this account on this machine."""

    code = "profile.exists"
    hint = "secure-chat login"


class ProfileAltered(ChatError):
    """The profile's label and its vault name different accounts."""

    code = "profile.altered"


class RecoveryKeyInvalid(ChatError):
    """This is not a recovery key."""

    code = "recovery.invalid"
    hint = "56 letters and digits in groups of four; check each group"


class RecoveryKeyOther(ChatError):
    """This recovery key belongs to another account."""

    code = "recovery.other_account"


class PostQuantumMissing(ChatError):
    """This installation cannot do ML-KEM-768, without which no keys are made and no message is encrypted."""

    code = "keys.ml_kem_missing"
    hint = "install cryptography 48 or newer"


class LoginDerivationRefused(ChatError):
    """The server asks for a weaker or unknown derivation of the login secret; nothing was sent."""

    code = "login.derivation_refused"


# --- a client's connection and its commands --------------------------------------------------------


class NetworkFailed(ChatError):
    """The server cannot be reached."""

    code = "net.failed"
    hint = "is this machine online?"


class NothingAnswers(NetworkFailed):
    """Nothing answers at this address."""

    code = "net.refused"
    hint = "is the server running? On it: secure-chat-server status"


class HostUnknown(NetworkFailed):
    """This host name leads nowhere."""

    code = "net.host_unknown"
    hint = "is this machine online, and the name right?"


class NoAnswer(NetworkFailed):
    """The server does not answer."""

    code = "net.no_answer"


class ConnectionLost(NetworkFailed):
    """The connection was lost."""

    code = "net.lost"


class NotConnected(NetworkFailed):
    """There is no connection at the moment."""

    code = "net.offline"
    hint = "/reconnect tries at once, /status says how things are"


class TooManyWaiting(NetworkFailed):
    """Too many lines wait to be sent; this one was not taken."""

    code = "net.queue_full"
    hint = "/status says how things are"


class RefusedByServer(ChatError):
    """The server refused this for a reason that this version does not know."""

    code = "server.refused"
    hint = "a newer secure-chat may know more"


class ServerSaidNonsense(ChatError):
    """The server said something that is not of this protocol."""

    code = "server.nonsense"
    hint = "one of the two may be too old: secure-chat --version, secure-chat-server version"


class DeviceReplaced(ChatError):
    """This device has connected somewhere else."""

    code = "session.replaced"
    hint = "is a copy of this profile in use? /reconnect takes the session back"


class StoreCloned(ChatError):
    """This device's store was restored or is used in two places: all its sessions are started anew."""

    code = "store.cloned"
    hint = "use one copy only; if you made none, tell your administrator"


class StoreClonedAgain(ChatError):
    """This device's store looks restored or used in two places again, and its sessions were started anew today."""

    code = "store.cloned_again"
    hint = "is a copy in use? Use one only. To start all of them anew once more: /session reset all"


class UsageInvalid(ChatError):
    """This command cannot be understood."""

    code = "usage.invalid"
    hint = "secure-chat --help"


class NothingToAsk(ChatError):
    """There is no terminal to ask on."""

    code = "usage.no_terminal"
    hint = "--passphrase-file PATH, or SECURE_CHAT_PASSPHRASE_FILE, for the passphrase"


class NotConfirmed(ChatError):
    """This was not confirmed; nothing was changed."""

    code = "usage.not_confirmed"


class PassphraseFileUnusable(ChatError):
    """The file with the passphrase cannot be used."""

    code = "usage.passphrase_file"


class PassphrasesDiffer(ChatError):
    """The two passphrases differ."""

    code = "usage.passphrases_differ"


class SlashUnknown(ChatError):
    """There is no such command."""

    code = "usage.command_unknown"
    hint = "/help lists the commands; a text that begins with a slash is typed with two"


class SlashNotHere(ChatError):
    """This command is not in this version."""

    code = "usage.not_in_version"
    hint = "/help lists what there is"


# --- direct messages -----------------------------------------------------------------------------


class KeyChanged(ChatError):
    """This person has a new key; nothing is sent to it before it is accepted."""

    code = "key.changed"
    hint = "compare: /verify USER; accept: /trust USER; drop what is held: /discard USER"


class KeyChangedAgain(ChatError):
    """The key has changed again since it was shown: look at the new one first."""

    code = "key.changed_again"
    hint = "look at the new key first: /verify USER; then /trust USER"


class KeyNotChanged(ChatError):
    """There is nothing to accept: this person's key has not changed."""

    code = "key.not_changed"
    hint = "/fingerprint USER shows the number to compare"


class KeyContradicted(ChatError):
    """The server has shown two different device lists of one version: nothing is sent to this person."""

    code = "key.contradicted"
    hint = "tell your administrator; to go on with the list that is shown now: /trust USER"


class NumberDiffers(ChatError):
    """This is not the number of this conversation: somebody may be between you."""

    code = "key.number_differs"
    hint = "read them to each other again by another way; do not accept the key before they are equal"


class NoDeviceKeys(ChatError):
    """No device of this person has keys with which a message could be encrypted; it was not sent."""

    code = "direct.no_keys"


class MailboxFull(ChatError):
    """This person's devices have not fetched your last messages: the server keeps no more of them."""

    code = "direct.full"
    hint = "it goes by itself once they have been fetched"


class NewcomersWait(ChatError):
    """Too many people unknown to this device have begun to write today. What others write waits at the server."""

    code = "direct.newcomers"
    hint = "it comes with a new connection tomorrow; if you expected nobody, tell your administrator"


class RecipientSelf(ChatError):
    """A message to oneself goes nowhere in this version."""

    code = "direct.self"


class NothingHeld(ChatError):
    """No message is held."""

    code = "direct.nothing_held"


class KindMisplaced(ChatError):
    """A direct message was of a kind that its sender may not send; it was dropped."""

    code = "direct.misplaced"


class PeerIsBehind(ChatError):
    """Somebody sends to your older devices: the server has not shown him your newest list."""

    code = "direct.peer_behind"

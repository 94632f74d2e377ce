"""Every limit in one place, each with its unit and its reason, so that an operator can argue."""

from typing import Final

# --- frames (PROTOCOL.md, Framing) ---------------------------------------------------------------
FRAME_HEADER_BYTES: Final = 4  # big-endian length before every frame
MAX_FRAME_BEFORE_LOGIN_BYTES: Final = 4 * 1024  # a stranger may make the server keep no more than this
MAX_FRAME_BYTES: Final = 256 * 1024  # holds a direct message to eight devices, 141 KB
MAX_SMALL_REQUEST_BYTES: Final = 16 * 1024  # every request but sends, prekey uploads and file chunks
MAX_REPLY_BYTES: Final = 64 * 1024  # a listing reply ends here, at least one row in it
MAX_PARTIAL_FRAMES_BYTES: Final = 64 * 1024 * 1024  # unfinished frames of all connections together

# --- texts and names -----------------------------------------------------------------------------
MAX_TEXT_BYTES: Final = 8192  # UTF-8; longer texts are documents
MAX_TOPIC_BYTES: Final = 512  # UTF-8; one line of a screen or two
MIN_NAME_CHARACTERS: Final = 2  # a one-letter name is a slip of the finger
MAX_NAME_CHARACTERS: Final = 32  # fits a prompt and a column
MAX_NAME_BYTES: Final = 4 * MAX_NAME_CHARACTERS  # UTF-8 takes at most four bytes for a character
MAX_ROOM_NAME_CHARACTERS: Final = 32  # fits a prompt and a column
MAX_PASSPHRASE_BYTES: Final = 1024  # UTF-8; nobody types more, and preparing it takes time
MAX_LOGGED_CHARACTERS: Final = 200  # of one value in a line of the log; a stranger may choose it
MAX_COMBINING_MARKS: Final = 4  # marks on one base character; real orthographies need three
MAX_DEVICES_PER_USER: Final = 8  # pairwise encryption to all of them fits one frame

# --- certificates and links ----------------------------------------------------------------------
AUTHORITY_DAYS: Final = 3650  # an authority is replaced by decision, not by surprise
CERTIFICATE_DAYS: Final = 90  # a stolen server key is of use no longer than this
MAX_CERTIFICATE_DAYS: Final = 825  # what common verifiers accept at most
CERTIFICATE_WARNING_DAYS: Final = 30  # below it `verify` says that the end is near
CERTIFICATE_BACKDATE_SECONDS: Final = 300  # a client whose clock is some minutes behind gets in
MAX_CERTIFICATE_NAMES: Final = 64  # names in one certificate; the whole of it travels in every handshake
MAX_CERTIFICATE_FILE_BYTES: Final = 64 * 1024  # a chain is 2 KB; what is longer is another file
MAX_HOST_CHARACTERS: Final = 253  # RFC 1035, 2.3.4, as text
MAX_LINK_CHARACTERS: Final = 512  # the longest host, every part and its separators make 443
DEFAULT_PORT: Final = 7443  # above 1023: a server needs no privilege to listen there

# --- journal and delivery ------------------------------------------------------------------------
MAX_BATCH_ENTRIES: Final = 1024  # entries of one transaction: bounds the time until its first acknowledgement
MAX_BATCH_BYTES: Final = 1024 * 1024  # the same in bytes
MAX_BLOB_BYTES: Final = 16 * 1024  # frames stored and shared as one piece; a write joins several
MAX_CONNECTION_CREDIT_ENTRIES: Final = 32  # of one connection in the journal; beyond it the connection is not read
MAX_CONNECTION_CREDIT_BYTES: Final = 256 * 1024  # the same in bytes
MAX_THREAD_CREDIT_ENTRIES: Final = 4096  # of one I/O thread in the journal, so that no inbox can fill
MAX_THREAD_CREDIT_BYTES: Final = 16 * 1024 * 1024  # the same in bytes
BUSY_AFTER_SECONDS: Final = 2.0  # what would wait longer is answered `busy` before it is queued
MAX_RING_MESSAGES: Final = 1024  # of one room, kept in memory
MAX_RING_BYTES: Final = 1024 * 1024  # of one room, kept in memory
MAX_ALL_RINGS_BYTES: Final = 128 * 1024 * 1024  # of all rooms; the least used shrink first
MAX_PENDING_CIPHERTEXT_BYTES: Final = 64 * 1024  # on one connection; no new write starts before it is gone
MAX_JOINED_BYTES: Final = 63 * 1024  # plaintext of one write, in units of blobs: with its records below the above
SLOW_READER_SECONDS: Final = 30.0  # without a byte taken while data waits

MAX_SENDS_A_TURN: Final = 256  # writes of one delivery pass; then the thread looks at its sockets again
DELIVERY_SECONDS: Final = 0.005  # the same in time
MAX_INTERNAL_ERRORS: Final = 3  # answered to one connection; then it is closed
STORAGE_RETRY_SECONDS: Final = 5.0  # a full disk is tried again after this time
READ_ONLY_SECONDS: Final = 60.0  # a server whose storage has failed still answers reads, then ends
MAINTENANCE_SECONDS: Final = 60.0  # an idle journal looks after its database at least so often

# --- a turn of an I/O thread -----------------------------------------------------------------------
TURN_SECONDS: Final = 0.020  # of one turn: reading, those who had to wait, handshakes, delivery; the rest comes next
MAX_INPUT_BEFORE_LOGIN_BYTES: Final = 4 * 1024  # of ciphertext of one connection a turn
MAX_INPUT_BYTES: Final = 64 * 1024  # the same after login
MAX_TLS_PIECE_BYTES: Final = 4 * 1024  # fed to TLS at once: one call may work through all of it before it returns
MAX_SILENT_TLS_BYTES: Final = 32 * 1024  # input without a byte of content; a full record has 16,406
TLS_CONTENT_WORTH: Final = 32  # bytes of input that one byte of content stands for; a record has 22 around it
MAX_FRAMES_A_TURN: Final = 64  # of one connection; the others come first then
MAX_HANDSHAKE_STEPS_A_TURN: Final = 32  # each costs up to 0.5 ms
MAX_UNFINISHED_HANDSHAKES: Final = 128  # of one I/O thread; beyond it each new one displaces one at random
MAX_SILENT_CONNECTIONS: Final = 1024  # the same of those that have not said a byte: they cost no TLS state yet
MAX_STRANGERS: Final = 4096  # of one I/O thread, after their handshake: beyond it each new one displaces one at random
MAX_WAITING_SOCKETS: Final = 1024  # accepted and not yet taken by an I/O thread; then the system's backlog holds them
MAX_READS_UNDER_WAY: Final = 4  # pages and passphrase checks of one connection that are not answered yet
MAX_THREAD_READS_UNDER_WAY: Final = 256  # the same of one I/O thread: 16 MiB of replies at most
MAX_DIRECT_FRAME_BYTES: Final = 18 * 1024  # of one envelope on its way to its device: the largest, time and sender
MAX_WAITING_MAIL_BYTES: Final = 64 * 1024  # given to a connection and not written yet; then it waits in the database
MAX_MAIL_READS_UNDER_WAY: Final = 64  # pages of mailboxes, of all I/O threads together: others read, too
MAX_WAITING_REPLIES_BYTES: Final = 64 * 1024  # on one connection; beyond it the connection is not read
DISCARD_BYTES: Final = 64 * 1024  # read and thrown away after the last write, so that no reset destroys it
DISCARD_SECONDS: Final = 1.0  # the same in time
LIMITED_SECONDS: Final = 120.0  # in the state LIMITED: a small board derives two keys in this time
THREAD_SWITCH_SECONDS: Final = 0.0005  # how long a thread that computes keeps the interpreter from the others
SPARE_DESCRIPTORS: Final = 64  # of the process, that no connection gets: database, log, administration need some
LISTEN_BACKLOG: Final = 4096  # connections the system completes while the acceptor is busy
ACCEPT_PAUSE_SECONDS: Final = 0.1  # after the system has no descriptor or memory left

# --- watching and stopping -------------------------------------------------------------------------
WATCH_SECONDS: Final = 0.25  # between two looks of the watchdog
STUCK_LOOP_SECONDS: Final = 1.0  # a loop with work that has not turned: its stack is written down
STUCK_JOURNAL_SECONDS: Final = 10.0  # the same of the journal, which waits for the disk
STACKS_EVERY_SECONDS: Final = 60.0  # at most one set of stacks in this time
SILENT_LOOP_SECONDS: Final = 30.0  # an I/O loop with work that has not turned: the process ends
STOP_JOURNAL_SECONDS: Final = 2.0  # at a stop, to decide what has arrived
STOP_FLUSH_SECONDS: Final = 2.0  # at a stop, to say goodbye to everybody
STOP_RETRY_AFTER_SECONDS: Final = 2.0  # told at a stop: come back after one to two times this
STOP_THREAD_SECONDS: Final = 10.0  # for a thread to end; then the process does not wait for it

# --- rooms and pages -----------------------------------------------------------------------------
MAX_HISTORY_ROWS: Final = 200  # of one page; a screen or four
MAX_PAGE_ROWS: Final = 500  # of one page of rooms or people
MAX_ROOMS_PER_ACCOUNT: Final = 200  # memberships; keeps the welcome below one reply
IDEMPOTENCY_HOURS: Final = 48  # how long a repeat is known; a week-end's reconnect starts over
MAX_ROOMS: Final = 20_000  # of one server; all rooms' heads and members are kept in memory
MAX_ROOMS_MADE_BY_ONE: Final = 200  # member, left ones included: one person must not use up the above

# --- the database --------------------------------------------------------------------------------
DATABASE_BUSY_SECONDS: Final = 0.5  # nobody else writes; who waits longer has met a broken rule
READ_SECONDS: Final = 1.0  # of one reading transaction; a longer one keeps the log from being reset
CHECKPOINT_PAGES_IDLE: Final = 1000  # of the write-ahead log, when nothing else is to do
CHECKPOINT_PAGES: Final = 4000  # of the write-ahead log, whatever there is to do
MAX_WRITE_AHEAD_LOG_BYTES: Final = 64 * 1024 * 1024  # kept of its file after a reset
FULL_TEXT_MERGE_PAGES: Final = 32  # of one step: some milliseconds
MAX_REMEMBERED_RUNS: Final = 16 * 1024  # clients' runs whose highest id is in memory; others cost a look into the table
SWEEP_ROWS: Final = 500  # of one maintenance step

# --- sessions ------------------------------------------------------------------------------------
RESUME_TOKEN_BYTES: Final = 32
RESUME_TOKEN_IDLE_DAYS: Final = 30  # a device not seen for longer logs in by passphrase
RESUME_TOKEN_ROTATION_HOURS: Final = 24  # at most one rotation in this time
RESUME_TOKEN_REUSE_GRACE_SECONDS: Final = 60  # after the successor's confirmation
MAX_LOGIN_COUNTER: Final = 2**62  # no device logs in so often: a client goes on after no higher number of a server's
INVITE_TOKEN_BYTES: Final = 16
INVITE_SECRET_BYTES: Final = 16  # drawn by the inviter's own client
INVITE_HOURS: Final = 72  # of an invite or a reset link, unless said otherwise
BCRYPT_COST: Final = 12  # about 0.3 s of one core
BCRYPT_COST_FLOOR: Final = 10  # below it no stored hash is accepted

# --- the server's settings: defaults and bounds (docs/settings.md) ---------------------------------
DEFAULT_LISTEN_HOST: Final = "127.0.0.1"  # nobody else's until an operator decides so
MAX_SETTINGS_FILE_BYTES: Final = 256 * 1024  # a settings file has some dozens of lines
MAX_IO_THREADS: Final = 64  # more than the cores of a machine that this server fills
MAX_AUTHENTICATION_THREADS: Final = 64  # the same
BCRYPT_COST_CEILING: Final = 16  # about 5 s of one core: a slip of the finger must not lock everybody out
MAX_LIMITED_ADDRESSES: Final = 65_536  # remembered in each table of tries; the one seen longest ago goes first
FAILED_LOGIN_MEMORY_SECONDS: Final = 3600.0  # wrong tries older than this are forgotten
MAX_WAITING_AUTHENTICATIONS: Final = 64  # at four a second the last one waits 16 s
MAX_WAITING_AUTHENTICATIONS_OF_ONE: Final = 2  # of one address (IPv6: /64); one more is computed
MAX_WAITING_AUTHENTICATIONS_OF_NETWORK: Final = 8  # of an IPv6 /48, which one subscriber may have whole
AUTHENTICATION_NICENESS: Final = 19  # bcrypt takes what the I/O threads leave
MAX_WAITING_READS: Final = 1024  # pages and searches that wait for the reader
MAX_WAITING_READS_OF_ONE: Final = 32  # of one account: as many as its connection may have under way
READ_RETRY_SECONDS: Final = 1.0  # for those whom the reader turns away
AUTHENTICATION_RETRY_SECONDS: Final = 5.0  # for those whom the authentication pool turns away
CONTROL_ANSWER_SECONDS: Final = 10.0  # for an operator's request; then he is told that the server is busy
CONTROL_IDLE_SECONDS: Final = 60.0  # an operator's connection that asks nothing is closed
OFFLINE_LOCK_SECONDS: Final = 15.0  # a tool waits so long for the database: a server takes half of it to start or stop
MAX_CONTROL_CONNECTIONS: Final = 16  # operators and their scripts at once
MAX_INVITE_HOURS: Final = 366 * 24  # a link that is valid for longer is a password
MAX_INVITE_ROOMS: Final = 20  # that an invite lets its holder into; each is a line in the join
MAX_LOGIN_TRIES: Final = 1000  # beyond it the count protects nobody
MAX_LOGIN_PAUSE_SECONDS: Final = 24 * 60 * 60  # a longer pause is a locked account
MAX_RATE: Final = 1_000_000.0  # of every rate, in its own unit: for measurements
MAX_BURST: Final = 1_000_000  # of every burst: for measurements
POSTS_PER_SECOND: Final = 10.0  # of one account: faster than anybody types, slow enough to read past
POSTS_BURST: Final = 40  # a paste, or the queue of a reconnect
JOINS_PER_SECOND: Final = 2.0  # of one account: each is a line for every member
JOINS_BURST: Final = 50  # a new client joins the rooms of a team at once
DIRECTS_PER_SECOND: Final = 10.0  # of one account: as rooms' messages
DIRECTS_BURST: Final = 40  # the outbox of a reconnect
ACKNOWLEDGEMENTS_PER_SECOND: Final = 100.0  # of one account: one for each envelope of a lively talk, and to spare
ACKNOWLEDGEMENTS_BURST: Final = 200  # what waited during an absence; one request names many
NAMED_ENVELOPES_AT_ONE_RATE: Final = 8  # of acknowledgements: each may cost a look at the disk, whether it waits or not
CLAIMS_PER_MINUTE: Final = 60.0  # of one account: a new session with somebody each second
CLAIMS_BURST: Final = 100  # a new device writes to everybody it knows
READS_PER_SECOND: Final = 20.0  # of one account: pages of history, search, lists
READS_BURST: Final = 100  # a window that opens many rooms
READ_SECOND_TOKENS: Final = 100.0  # of reads, that a second of the reader's work costs who asked: 5 s at that rate
LOGINS_PER_MINUTE: Final = 30.0  # of one address: bcrypt fills the machine at four a second
LOGINS_BURST: Final = 20  # a family behind one address comes home
REGISTRATIONS_PER_HOUR: Final = 60.0  # of one address
REGISTRATIONS_BURST: Final = 20  # a class behind one address
MAX_PRESENCE_GRACE_SECONDS: Final = 600.0  # longer, and "online" means nothing
LOG_FILE_BYTES: Final = 10 * 1024 * 1024  # of one log file before it is rotated
MIN_LOG_FILE_BYTES: Final = 4 * 1024  # below it every line rotates
LOG_FILES: Final = 5  # rotated log files that are kept
MAX_LOG_FILES: Final = 1000  # each rotation renames them all
MAX_WAITING_LOG_LINES: Final = 10_000  # for the writing thread; beyond it lines are counted, nobody waits
MAX_LOG_LINE_CHARACTERS: Final = 2000  # of one line; what is longer is an attack on the reader
MAX_TRACEBACK_LINES: Final = 60  # the last ones name the fault
LOG_CLOSE_SECONDS: Final = 2.0  # for the last lines at the end of the process

# --- prekeys (PROTOCOL.md, Prekeys) --------------------------------------------------------------
DAY_MS: Final = 24 * 60 * 60 * 1000  # milliseconds
MAX_PREKEY_AHEAD_MS: Final = 1 * DAY_MS  # how wrong two honest clocks may be
MAX_PREKEY_AGE_MS: Final = 60 * DAY_MS  # rotated weekly; after this the device counts as not seen
SIGNED_PREKEY_ROTATION_MS: Final = 7 * DAY_MS  # what it opens is forward secret 40 days after the next one
EARLY_ROTATION_MS: Final = 1 * DAY_MS  # between two rotations because a first message had no one-time prekey
ONE_TIME_PREKEYS_SET_MS: Final = 60 * DAY_MS  # then all of them are replaced: what was handed out and never used ends
OLD_PREKEY_SECRET_MS: Final = 40 * DAY_MS  # after its successor: a message waits 30 days at most
START_ANEW_MS: Final = 1 * DAY_MS  # a lying server makes a device drop its sessions at most once in this time
ONE_TIME_PREKEYS_A_PIECE: Final = 10  # made in one turn of the client's network thread: some milliseconds
PREKEY_LOOK_SECONDS: Final = 3600.0  # between two looks whether a prekey has had its time

ONE_TIME_PREKEYS_LIVE: Final = 400  # of one device on the shelf; half a megabyte
ONE_TIME_PREKEYS_UPLOAD: Final = 100  # of one request: 129 KB, half a frame
ONE_TIME_PREKEYS_REFILL_AT: Final = 40  # left: the device is told, and uploads again
ONE_TIME_PREKEYS_A_DAY: Final = 200  # of one device, new ones: nobody can make it compute keys all day
ONE_TIME_PREKEYS_RESERVED: Final = 20  # left for those to whom the owner has written; strangers get none of these
PREKEY_CLAIM_PAUSE_SECONDS: Final = 10 * 60  # between two one-time prekeys of one device for one account
PREKEY_CLAIMS_PER_HOUR: Final = 20  # one-time prekeys that one account gets, of all devices together
SPENT_PREKEY_DAYS: Final = 60  # who got a one-time prekey, and that its id never comes back; secrets end before that

# --- direct messages (PROTOCOL.md, Direct messages) ------------------------------------------------
MAX_PADDED_BYTES: Final = 16_384  # of one message's content, padded: the longest text and everything beside it
MAX_ENVELOPE_BYTES: Final = 155 + 1144 + MAX_PADDED_BYTES  # header, commitment and tag; what opens a session; content
MAX_NAMED_ENVELOPES: Final = 256  # of one acknowledgement: four windows
MAILBOX_ENVELOPES_PER_SENDER: Final = 1000  # waiting, of one account for one device: a month's talk, at most 18 MB
MAILBOXES_BYTES_PER_SENDER: Final = 32 * 1024 * 1024  # waiting, of one account in all mailboxes: 30,000 short messages
MAILBOX_DAYS: Final = 30  # a device that is away for longer misses what was sent before
MAILBOX_WINDOW_ENVELOPES: Final = 64  # pushed to a device and not acknowledged
MAILBOX_WINDOW_BYTES: Final = 256 * 1024  # the same in bytes
DIRECT_LOG_DAYS: Final = 30  # who sent whom how much when, never what: for an operator's questions about abuse
DIRECT_REPEAT_HOURS: Final = 48  # how long a repeat of a send is known; a week-end's reconnect starts over
MAX_KNOWN_ENVELOPES: Final = 131_072  # ids in memory, 25 MB; the oldest beyond them go into a table, a look for each
MAX_KNOWN_PLACES: Final = 65_536  # of envelopes that wait, in memory, 20 MB; the oldest beyond them go into a table
MAX_KNOWN_PAIRS: Final = 65_536  # of people who have written to each other, in memory; others cost a look at the disk
OPEN_INVITES_PER_ACCOUNT: Final = 20  # of members' own, neither used nor ended: a class, not a mailing
MAX_SETTLED_INVITES: Final = 64  # of one request; also what one reply tells

# --- sessions between two devices (PROTOCOL.md 21 and 22) -------------------------------------------
MAX_SKIPPED_AT_ONCE: Final = 1000  # message keys made ahead for one message, twice at a new chain: 6 ms at worst
MAX_SKIPPED_KEYS: Final = 2000  # of one session; beyond it the oldest goes
MAX_OLD_CHAINS: Final = 5  # receiving chains whose skipped keys are kept beside the newest one's
SKIPPED_KEY_MS: Final = 35 * DAY_MS  # the server keeps an envelope 30 days
MAX_CHAIN_MESSAGES: Final = 500  # sent on one chain; then a new session heals what a thief of keys may have
MAX_CHAIN_AGE_MS: Final = 7 * DAY_MS  # of a sending chain, from its first message
ACK_AFTER_MESSAGES: Final = 100  # received on one chain without an answer: the peer's chain turns only by one
MAX_OLD_SESSIONS: Final = 4  # with one device beside the one that is sent on; they only receive
OLD_SESSION_MS: Final = 35 * DAY_MS  # the same in time, from when another took over
MAX_GENERATION_AHEAD_SECONDS: Final = 24 * 60 * 60  # how wrong two honest clocks may be

# --- the content of direct messages (PROTOCOL.md 23) ------------------------------------------------
MAX_REACTION_BYTES: Final = 32  # UTF-8; one emoji with all its joiners
MAX_LABEL_BYTES: Final = 256  # UTF-8; of a group, a device, a media type
MAX_FILE_NAME_BYTES: Final = 255  # UTF-8; what file systems take
MAX_RECEIPTS: Final = 16  # messages in one receipt: it fits the smallest padded size
MAX_RETRIES: Final = 64  # envelopes asked for in one message
MAX_SEEN: Final = 4  # devices in one message's `seen`
MAX_GROUP_MEMBERS: Final = 32  # of a direct group; each message is encrypted for each device of each

# --- a client's direct messages (PROTOCOL.md 22 to 26) ---------------------------------------------
MAX_WAITING_DIRECTS: Final = 1000  # to one person, not accepted yet: a month's talk, as much as the server would keep
MAX_FAILED_OPENS: Final = 20  # of one device in the time below; then its envelopes wait at the server
FAILED_OPENS_SECONDS: Final = 60.0  # see above: junk costs a minute's worth of rows, not the vault
SEEN_ENVELOPE_DAYS: Final = 40  # ten more than the server keeps an envelope
ACK_SECONDS: Final = 30  # after which one that is owed is sent, if nothing else was: within a minute
OPENING_PAUSE_SECONDS: Final = 10 * 60  # between two fresh sessions for what cannot be read; doubled each time
OPENING_LONGEST_PAUSE_SECONDS: Final = 24 * 60 * 60  # the doubling ends here
MAX_SENT_BEFORE_SECONDS: Final = 30 * 24 * 60 * 60  # a message older than the server keeps any is marked as doubtful
MAX_SENT_AHEAD_SECONDS: Final = 10 * 60  # the same of one from the future
LIST_CHANGE_SECONDS: Final = 10 * 60  # in which a sender may go by an older list of the own devices without a notice
FULL_MAILBOX_SECONDS: Final = 60  # before a device that was full is tried again; doubled each time
FULL_MAILBOX_LONGEST_SECONDS: Final = 60 * 60  # the doubling ends here
LIST_LOOK_SECONDS: Final = 10  # after a look for newer lists that found none: a header may name any version
MAX_NEWCOMERS: Final = 100  # unknown people who begin to write in the time below: a server can invent any number
NEWCOMERS_HOURS: Final = 24  # see above: some 200 KB of the vault a day, and time to tell the administrator
MAX_DEVICES_EVER: Final = 512  # of one person, over all versions of the list: each new one is compared with all
MAX_STALE_ANSWERS: Final = 5  # in a row to one message: a server that never has enough lists is refused
MAX_DEFERRED_ENVELOPES: Final = 256  # kept in memory while their sender's limit holds; more come on the next connection
MAX_DIRECTS_FOUND: Final = 50  # of one page of a search in conversations
MAX_DIRECTS_SEARCHED: Final = 5000  # rows looked at for one page: some 60 ms of the network thread
MAX_CHARACTERS_SEARCHED: Final = 500_000  # of texts looked at for one page: as long, where every text is a large one
TIDY_SECONDS: Final = 60 * 60  # between two looks for what has had its time in the vault
TIDY_ROWS: Final = 500  # of one look: a few milliseconds

# --- a person's vault and profiles ---------------------------------------------------------------
VAULT_ARGON2_OPS: Final = 3  # passes; with 256 MiB about 0.7 s here, once at the start
VAULT_ARGON2_MEMORY_KIB: Final = 256 * 1024
MIN_VAULT_ARGON2_OPS: Final = 2  # small boards; an altered file cannot make a cheaper guess possible
MIN_VAULT_ARGON2_MEMORY_KIB: Final = 64 * 1024
MAX_VAULT_ARGON2_OPS: Final = 8  # an altered file cannot keep the machine busy for minutes
MAX_VAULT_ARGON2_MEMORY_KIB: Final = 1024 * 1024  # nor exhaust its memory
MAX_VAULT_ROW_ID_CHARACTERS: Final = 200  # a room's name, an identifier in hexadecimal
MAX_INPUT_HISTORY_LINES: Final = 1000  # kept for Ctrl-R; the oldest goes first
MAX_INPUT_LINE_BYTES: Final = 64 * 1024  # of one line or draft kept: a text that is too long comes back to the prompt
MAX_PROFILE_LABEL_BYTES: Final = 4 * 1024  # a host of 253 characters, a name, three keys
MAX_PROFILES: Final = 200  # directories read for a list; more are not a person's

# --- deadlines (PROTOCOL.md, Transport and Frames) -----------------------------------------------
HANDSHAKE_SECONDS: Final = 10.0  # from accept to the end of the TLS handshake
LOGIN_SECONDS: Final = 15.0  # from then to the arrival of the login; waiting for the server does not count
FRAME_SECONDS: Final = 30.0  # from a frame's first byte to its last
IDLE_PING_SECONDS: Final = 60.0  # of silence, then the server asks for a sign of life
PONG_SECONDS: Final = 30.0  # from that question to any byte
DRAIN_SECONDS: Final = 5.0  # to take what is left when the server closes a connection

# --- logins and registrations, per address -------------------------------------------------------
MAX_FAILED_LOGINS: Final = 5  # of one address and name in a row, whether the name exists or not
FAILED_LOGIN_PAUSE_SECONDS: Final = 60.0  # after that many; a person reads a sticky note in this time

# --- presence ------------------------------------------------------------------------------------
PRESENCE_GRACE_SECONDS: Final = 30.0  # who is back by then was never gone
PRESENCE_COUNT_ONLY_MEMBERS: Final = 200  # from here on coming and going is a number, not a list of names
PRESENCE_INTERVAL_SECONDS: Final = 1.0  # one delta a room in this time

# --- the client ------------------------------------------------------------------------------------
CONNECT_SECONDS: Final = 30.0  # TCP to all addresses of a name together
GREETING_SECONDS: Final = 60.0  # TLS and hello: a server that cannot do it in 10 s closes by itself
ANSWER_SECONDS: Final = 150.0  # of a login or registration: 64 may wait before it, two a second
CLIENT_PING_SECONDS: Final = 20.0  # of silence, then the client asks for a sign of life: some routers forget sooner
CLIENT_SILENCE_SECONDS: Final = 20.0  # from that question to any byte; then the connection is dead
CLIENT_CLOSING_SECONDS: Final = 0.5  # for the last bytes of a connection: who quits does not wait longer
RECONNECT_FIRST_SECONDS: Final = 1.0  # before the first attempt after a loss; doubled each time
RECONNECT_MOST_SECONDS: Final = 30.0  # a server that is back is found within this time
SETTLED_CONNECTION_SECONDS: Final = 10.0  # a connection that stood so long begins the doubling anew
ENROLMENT_ATTEMPTS: Final = 5  # connections on which a registration is asked for again before a person must
MAX_WAITING_LINES: Final = 1000  # typed and not accepted; what waits is lost with the program
MAX_HELD_EVENTS: Final = 1000  # newer events of a room kept while older ones are fetched; then those are fetched, too
MAX_UNREAD_AT_START: Final = 200  # events of one room shown by themselves at a start; /history has the rest
READ_MARKER_SECONDS: Final = 5.0  # after which what was read is on the disk: not a commit for every line
MAX_HISTORY_CALL: Final = 1000  # events of one /history; the next one goes on
RETRY_SECONDS: Final = 2.0  # before a request is repeated that the server refused for a while without naming a time
MAX_RETRY_SECONDS: Final = 3600.0  # a server cannot put a client to sleep for good
MAX_WAITING_EVENTS: Final = (
    5000  # told and not taken by the screen; then the client reads no more, and the server waits
)
RESUMED_WAITING_EVENTS: Final = 1000  # it reads again when no more than these are left
LEAVE_SECONDS: Final = 1.0  # to say goodbye; who quits does not wait longer for a dead link
COMMAND_PATIENCE_SECONDS: Final = 60.0  # of a one-shot command without a connection, once it had one
PASSPHRASE_TRIES: Final = 3  # of one question on a terminal
MAX_ANSWER_BYTES: Final = 64 * 1024  # of one answer on a terminal or a line of standard input
MAX_SEND_INPUT_BYTES: Final = 4 * 1024 * 1024  # of standard input to `send`: some hundreds of the longest messages
MIN_PASSPHRASE_CHARACTERS: Final = 8  # Argon2id makes a guess dear, not impossible
MAX_PASSPHRASE_FILE_BYTES: Final = 16 * 1024  # a passphrase is a line; what is longer is another file
MAX_CLIENT_SETTINGS_BYTES: Final = 64 * 1024  # some dozens of lines

# --- the line client -------------------------------------------------------------------------------
UNASKED_LINES: Final = 5  # of one message; a longer one is asked about, because a paste may be a slip
NOTICE_SECONDS: Final = 1.5  # coming and going is gathered for so long: presence follows a joining by a second
NOTICE_LONGEST_SECONDS: Final = 30.0  # while it goes on, the time is doubled up to this
NEW_SECONDS: Final = 10.0  # who has joined so shortly before is not said to be online as well
MAX_NAMES_IN_NOTICE: Final = 3  # in one line; more are counted
DELAY_NOTICE_SECONDS: Final = 10.0  # at most one notice of lines that wait for their rate in this time
MAX_KNOWN_NAMES: Final = 1000  # of people or rooms, for completion; the one seen longest ago goes first
MAX_SHOWN_COMPLETIONS: Final = 60  # some rows of a screen; the next letter makes them fewer
MAX_LISTED_ROWS: Final = 500  # of one /users, /members or /rooms; the last row says how to go on
DEFAULT_HISTORY_LINES: Final = 50  # of one /history
INTERRUPT_AGAIN_SECONDS: Final = 5.0  # a second Ctrl-C within this time quits
PIPE_PATIENCE_SECONDS: Final = 10.0  # after the end of piped input, for a connection to come back
MAX_DRAWN_EVENTS: Final = 500  # of one turn; then the keyboard is looked at again

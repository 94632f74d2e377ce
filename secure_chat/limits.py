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
MAX_ROOM_NAME_CHARACTERS: Final = 32  # fits a prompt and a column
MAX_COMBINING_MARKS: Final = 4  # marks on one base character; real orthographies need three
MAX_DEVICES_PER_USER: Final = 8  # pairwise encryption to all of them fits one frame

"""Text from others: attacks lose their power, ordinary text of every script stays as it is."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secure_chat.errors import MessageEmpty, MessageTooLong
from secure_chat.limits import MAX_COMBINING_MARKS, MAX_LOGGED_CHARACTERS, MAX_TEXT_BYTES
from secure_chat.sanitize import cells, cut, fits, log_safe, one_line, sanitize

# Characters that rules speak of, so that random texts are dense with them.
DANGEROUS = (
    "\x00\x07\x08\t\n\x0b\x0c\r\x1b\x1f\x7f\x80\x85\x90\x98\x9b\x9c\x9d\x9e\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069"
    "\u3164\ufe00\ufe0e\ufe0f\ufeff\ufff9\ufffc\ufffd\uffff\ud800\udfff\U000e0001\U000e0067\U000e007f\U000e0100\U0010ffff"
)
BESIDE = (
    "aZ0#* []P^_X\\;mHc\u0301\u0489\u20e3\u1100\u1161\u1820\u05d0\u05b7\u0627\u0651\u0915\u094d\u0bcd\u0e01\u0e31\u1780"
    "\u17d2\u4e00\u2229\u2764\U0001f468\U0001f3fb\U0001f3f4\U0001f308\U0001f1e6"
)
texts = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from(DANGEROUS + BESIDE), max_size=60),
    st.sets(st.sampled_from(DANGEROUS + BESIDE), min_size=1, max_size=4).flatmap(
        lambda few: st.text(st.sampled_from(sorted(few)), max_size=30)
    ),
    st.lists(
        st.sampled_from(
            ["\x1b[", "\x9b31m", "\x1b]0;", "\x07", "\x1b\\", "\r\n", "\U0001f3f4\U000e0067\U000e0062", "x"]
        ),
        max_size=20,
    ).map("".join),
)


@given(texts)
@example("\x1b\x1b[31m[31m")
@example("a\u202e\u200d\u0301\u0301\u0301\u0301\u0301\ufe0f\u200d\U0001f308")
@example("\u05d0\u200e\u0301\u200e\u0301\u200e\u0301\u200e\u0301\u200e\u0301")
@example(" \u200b \u0301")
def test_sanitising_twice_changes_nothing(text: str) -> None:
    once = sanitize(text)
    assert sanitize(once) == once
    line = one_line(text)
    assert one_line(line) == line == sanitize(line)


@given(texts)
def test_nothing_that_commands_a_screen_is_left(text: str) -> None:
    for character in sanitize(text):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"} or character == "\n"
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
        assert ord(character) & 0xFFFE != 0xFFFE
    assert "\n" not in one_line(text)


@given(texts)
def test_a_sanitised_text_can_always_be_sent(text: str) -> None:
    sanitize(text).encode("utf-8")
    one_line(text).encode("utf-8")


@pytest.mark.parametrize(
    ("attack", "drawn"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b[38;2;1;2;3mred\x1b[m", "red", id="true-colour"),
        pytest.param("\x1b[38:2::1:2:3mred", "red", id="colour-with-colons"),
        pytest.param("\x1b[2J\x1b[Hgone", "gone", id="clear-screen"),
        pytest.param("\x1b[?1049hother", "other", id="alternate-screen"),
        pytest.param("\x1b[?2004lpaste", "paste", id="bracketed-paste-off"),
        pytest.param("\x1b[6n", "", id="report-cursor"),
        pytest.param("\x1b[21t", "", id="report-title"),
        pytest.param("\x9b31mred", "red", id="eight-bit-csi"),
        pytest.param("\x1b]0;title\x07text", "text", id="title"),
        pytest.param("\x1b]2;title\x1b\\text", "text", id="title-with-string-terminator"),
        pytest.param("\x9d2;title\x9ctext", "text", id="eight-bit-title"),
        pytest.param("\x1b]52;c;cm0gLXJmIC8=\x07", "", id="osc-52-clipboard"),
        pytest.param("\x1b]52;c;cm0gLXJmIC8=", "\u241b]52;c;cm0gLXJmIC8=", id="osc-52-not-ended"),
        pytest.param("\x1b]8;;https://evil.example\x1b\\bank\x1b]8;;\x1b\\", "bank", id="hyperlink"),
        pytest.param("\x1b]1337;File=:AAAA\x07", "", id="inline-image"),
        pytest.param("\x1bPq#0;2;0;0;0\x1b\\", "", id="dcs-sixel"),
        pytest.param("\x90$qm\x9c", "", id="eight-bit-dcs"),
        pytest.param("\x1b_Gf=24;AAAA\x1b\\", "", id="apc-graphics"),
        pytest.param("\x1b^pm\x1b\\", "", id="privacy-message"),
        pytest.param("\x1bXsos\x1b\\", "", id="start-of-string"),
        pytest.param("\x1bktitle\x1b\\", "title", id="screen-title"),
        pytest.param("\x1bc", "", id="full-reset"),
        pytest.param("\x1b(0lqk", "lqk", id="character-set"),
        pytest.param("\x1b#8", "", id="alignment-test"),
        pytest.param("\x1b%G", "", id="character-encoding"),
        pytest.param("\x0e\x0f", "\u240e\u240f", id="shift-out"),
        pytest.param("\x1b", "\u241b", id="lone-escape"),
        pytest.param("\x1b[31", "\u241b[31", id="cut-off-csi"),
        pytest.param("\x1b\x1b[31m[31m", "\u241b[31m", id="nested"),
        pytest.param("\x1b[\x1b[31m31m", "\u241b[31m", id="nested-again"),
        pytest.param("\x07bell\x08\x7f", "\u2407bell\u2408\u2421", id="bell-backspace-delete"),
        pytest.param("10:02 alice: hi\r10:02 bob: ", "10:02 alice: hi\n10:02 bob: ", id="carriage-return"),
        pytest.param("a\x00b", "a\u2400b", id="null"),
        pytest.param("a\x84b", "a\ufffdb", id="c1"),
        pytest.param("a\x85b\x0bc\x0cd\u2028e\u2029f", "a\nb\nc\nd\ne\nf", id="other-line-ends"),
        pytest.param("a\r\nb", "a\nb", id="windows-line-end"),
        pytest.param("a\tb", "a    b", id="tab"),
        pytest.param(
            "/*\u202e } \u2066if (isAdmin)\u2069 \u2066*/", "/*\ufffd } \ufffdif (isAdmin)\ufffd \ufffd*/", id="trojan"
        ),
        pytest.param("file\u202egpj.exe", "file\ufffdgpj.exe", id="override-extension"),
        pytest.param("abc\u200f!", "abc!", id="direction-mark-in-latin"),
        pytest.param("pass\u200bword", "password", id="zero-width-space"),
        pytest.param("pay\u2060pal\ufeff", "paypal", id="word-joiner-and-byte-order-mark"),
        pytest.param("Auf\u200clage", "Auflage", id="non-joiner-in-latin"),
        pytest.param("a\u200db", "ab", id="joiner-in-latin"),
        pytest.param("so\u00adft", "soft", id="soft-hyphen"),
        pytest.param("a\u2062\u2063b", "ab", id="invisible-operators"),
        pytest.param("a\u034fb", "ab", id="grapheme-joiner"),
        pytest.param("\u3164\uffa0x", "x", id="hangul-fillers"),
        pytest.param("\u115f\u1160", "", id="old-hangul-fillers-alone"),
        pytest.param("hi\U000e0068\U000e0069\U000e007f", "hi", id="tags-carry-hidden-text"),
        pytest.param("\U0001f3f4\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f", "\U0001f3f4", id="flag-of-texas"),
        pytest.param("a\ufe01\ufe02\ufe0f\U000e0110", "a", id="selectors-carry-hidden-bytes"),
        pytest.param("\U0001f600\ufe0f\ufe0f\ufe0e\U000e0101", "\U0001f600\ufe0f", id="selectors-after-emoji"),
        pytest.param("a\ufff9b\ufffac\ufffb", "a\ufffdb\ufffdc\ufffd", id="interlinear-annotation"),
        pytest.param("\ufdd0\ufffe\U0010ffff", "\ufffd\ufffd\ufffd", id="noncharacters"),
        pytest.param("\ud83d\ude00", "\ufffd\ufffd", id="lone-surrogates"),
        pytest.param("Z" + "\u0335\u0301\u0489" * 30, "Z\u0335\u0301\u0489\u0335", id="zalgo"),
        pytest.param(
            "\u05d0" + "\u200e\u0301" * 9,
            "\u05d0\u200e\u0301\u200e\u0301\u200e\u0301\u200e\u0301" + "\u200e",
            id="zalgo-between-invisible-characters",
        ),
        pytest.param(
            "\u0301\u0302 x\n\u20e0", "\u25cc\u0301\u0302 x\n\u25cc\u20e0", id="marks-that-fall-on-the-prompt"
        ),
    ],
)
def test_an_attack_loses_its_power(attack: str, drawn: str) -> None:
    assert sanitize(attack) == drawn


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("He said “it’s 5 µm ± 2 %” — naïve café, Ærøskøbing, Łódź, Việt Nam, ½ €10…", id="latin"),
        pytest.param("e\u0301a\u0308 \u1ebf = e\u0302\u0301", id="decomposed"),
        pytest.param("Ἐν ἀρχῇ ἦν ὁ λόγος", id="greek"),
        pytest.param("Съешь же ещё этих мягких французских булок", id="russian"),
        pytest.param("אָלֶף־בֵּית (English) 123, בְּרֵאשִׁ֖ית בָּרָ֣א", id="hebrew-with-points-and-accents"),
        pytest.param("السَّلامُ عَلَيْكُمْ ١٢٣ ﷽", id="arabic-with-vowels"),
        pytest.param("می\u200cخواهم کتاب\u200cها را ببینم، ه\u200d.", id="persian-non-joiner"),
        pytest.param("שלום\u200f (ok)\u200e!", id="direction-marks-in-hebrew"),
        pytest.param("अन्तर्राष्ट्रीय क्\u200dष क्\u200cष हिन्दी", id="hindi-joiners"),
        pytest.param("র\u200d্যাব বাংলা", id="bengali-joiner-after-a-letter"),
        pytest.param("ശ്രീ അവന്\u200d", id="malayalam-chillu"),
        pytest.param("ශ්\u200dරී ලංකා", id="sinhala"),
        pytest.param("தமிழ் ಕನ್ನಡ తెలుగు ગુજરાતી ਪੰਜਾਬੀ ଓଡ଼ିଆ", id="india"),
        pytest.param("ที่นี่\u200bมีน้ำใจ ๑๒๓ กี่", id="thai"),
        pytest.param("ព្រះរាជា\u200bណាចក្រ ខ្ញុំ", id="khmer"),
        pytest.param("မြန်မာ\u200bစာ", id="burmese"),
        pytest.param("བོད་སྐད་ བསྒྲུབས", id="tibetan"),
        pytest.param("ᠮᠣᠩᠭᠣᠯ ᠬᠠ\u180eᠠ ᠭ\u180b", id="mongolian"),
        pytest.param("漢字かなカナ ﾊﾝｶｸ 葛\U000e0100城 が が", id="japanese-with-variant"),
        pytest.param("한국어 각 ᄒᆞᆫ글 ᄀ\u1160 \u115fᆞ", id="korean-old-and-new"),
        pytest.param("ⵜⴰⵎⴰⵣⵉⵖⵜ ᏣᎳᎩ አማርኛ ქართული Հայերեն", id="others"),
        pytest.param(
            "👍🏽 👩\u200d👩\u200d👧\u200d👦 👩🏽\u200d💻 🧑🏿\u200d❤\ufe0f\u200d💋\u200d🧑🏻", id="emoji-families"
        ),
        pytest.param(
            "🏳\ufe0f\u200d🌈 🏴\u200d☠\ufe0f 🇩🇪🇺🇦 1\ufe0f\u20e3 #\ufe0f\u20e3 ❤\ufe0f ☎\ufe0e ©\ufe0f",
            id="flags-keycaps",
        ),
        pytest.param(
            "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
            "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
            "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
            id="england-scotland-wales",
        ),
        pytest.param("∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, ∩\ufe00 ∫∮ x̄ x⃗ ≠", id="mathematics"),
        pytest.param("def f(x):\n    return {'a': [x, ~x]}  # `code` \\ | ^\n\n", id="code"),
        pytest.param("┌──┐\n│░▒▓█│ ⠿⣿\n└──┘ \ue0b0", id="boxes-braille-private-use"),
        pytest.param("a\u00a0b\u2009c\u3000d", id="spaces"),
        pytest.param("", id="nothing"),
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert sanitize(text) == text
    assert sanitize(f"x {text} y") == f"x {text} y"


def test_the_short_way_lets_nothing_through_that_the_long_way_changes() -> None:
    """A Hebrew letter forces the long way; a character repeated at the start of a line meets every rule."""
    for point in (*range(0xD800), *range(0xE000, 0x10000), *range(0x1F000, 0x1FB00)):
        crowd = chr(point) * (MAX_COMBINING_MARKS + 1)
        if sanitize(crowd) == crowd:
            assert sanitize(f"\u05d0\n{crowd}") == f"\u05d0\n{crowd}"


def test_every_letter_number_and_symbol_stays() -> None:
    hidden_letters = "\u115f\u1160\u3164\uffa0\ufffc"  # fillers and the place of an absent object
    for start in range(0, sys.maxunicode, 0x1000):
        shown = "".join(
            character
            for character in map(chr, range(start, start + 0x1000))
            if unicodedata.category(character)[0] in "LNPS" and character not in hidden_letters
        )
        assert sanitize(shown) == shown


def test_one_line_makes_one_line() -> None:
    assert one_line("  two\r\n\n lines\tand\u2028more \n") == "two  lines    and more"
    assert one_line("\n \u200b\u0301x") == "\u25cc\u0301x"
    assert one_line(" caf\u00e9 ") == "caf\u00e9"


def test_as_many_marks_stay_as_the_limit_says() -> None:
    assert MAX_COMBINING_MARKS == 4
    for count in range(8):
        assert sanitize("e" + "\u0301" * count) == "e" + "\u0301" * min(count, MAX_COMBINING_MARKS)


@pytest.mark.parametrize(
    "flood",
    ["\x1b", "\x1b]", "\x9d", "\x1b[1", "\x1b ", "\u0301", "a\u0301\u0301\u0301\u0301\u0301", "\u200d", "\u05d0\u200e"],
)
def test_a_flood_of_the_largest_size_is_worked_off(flood: str) -> None:
    """No pattern scans a stretch twice; were one quadratic, these would take minutes."""
    text = flood * 100_000
    assert sanitize(sanitize(text)) == sanitize(text)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain text", "plain text"),
        ("line\n2026-05-03 12:00 INFO forged", "line\\n2026-05-03 12:00 INFO forged"),
        ("\r\x1b[2K\x00\x9b\u2028\u202e\ud800", "\\r\\x1b[2K\\x00\\x9b\\u2028\\u202e\\ud800"),
        ("back\\nslash", "back\\\\nslash"),
        ("Zoë सीता 山田", "Zoë सीता 山田"),
        ("z" + "\u0301" * 9, "z" + "\u0301" * 4),
        (None, "None"),
        (12, "12"),
    ],
)
def test_no_value_forges_a_line_of_the_log(value: object, line: str) -> None:
    assert log_safe(value) == line


def test_a_long_value_is_cut_in_the_log_and_says_so() -> None:
    assert MAX_LOGGED_CHARACTERS == 200
    assert log_safe("x" * 200) == "x" * 200
    assert log_safe("x" * 201) == "x" * 200 + "…"


@given(texts)
def test_a_logged_value_is_one_printable_line(text: str) -> None:
    assert log_safe(text).isprintable()


@pytest.mark.parametrize(
    ("text", "limit", "expected", "was_cut"),
    [
        ("short", 5, "short", False),
        ("longer", 5, "long…", True),
        ("漢字かな", 8, "漢字かな", False),
        ("漢字かな", 7, "漢字か…", True),
        ("漢字かな", 6, "漢字…", True),
        ("👩\u200d👩\u200d👧 family", 4, "👩\u200d👩\u200d👧 …", True),
        ("👩\u200d👩\u200d👧👩\u200d👩\u200d👧", 3, "👩\u200d👩\u200d👧…", True),
        ("👩\u200d👩\u200d👧", 1, "…", True),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…", True),
        ("🇩🇪🇺🇦", 3, "🇩🇪…", True),
        ("anything", 0, "", True),
        ("", 0, "", False),
    ],
)
def test_a_text_is_cut_between_graphemes_and_says_so(text: str, limit: int, expected: str, was_cut: bool) -> None:
    assert cut(text, limit) == (expected, was_cut)


@given(texts.map(one_line), st.integers(0, 30))
def test_what_was_cut_fits(text: str, limit: int) -> None:
    shortened = cut(text, limit)
    assert cells(shortened.text) <= limit or not shortened.was_cut
    assert shortened.was_cut == (shortened.text != text)
    assert text.startswith(shortened.text.removesuffix("…"))


def test_a_message_fits_up_to_its_limit_in_bytes() -> None:
    assert MAX_TEXT_BYTES == 8192
    assert fits("é" * 4096) == 8192
    with pytest.raises(MessageTooLong, match=r"^9,312 bytes, the limit is 8,192\.$"):
        fits("x" * 9312)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u00a0\u3000\u2800", "\u05d0\u200e".strip("\u05d0")])
def test_a_message_with_nothing_to_see_is_refused(text: str) -> None:
    with pytest.raises(MessageEmpty):
        fits(text)


def test_an_attack_of_nothing_but_invisible_characters_is_an_empty_message() -> None:
    with pytest.raises(MessageEmpty):
        fits(sanitize("\u200b\u2060\U000e0041\ufe0f\u115f\x1b[0m"))

"""The tables of Unicode characters: whole, sorted, with their source; and how they are made."""

from pathlib import Path

import pytest

from secure_chat import data
from secure_chat.data import generate

TABLES = (data.SCRIPTS, data.CONFUSABLES, data.TEXT_CLASSES)
DIRECTORY = Path(data.__file__).parent

# A Unicode Character Database of a dozen characters.
DATABASE = {
    "PropertyValueAliases.txt": "sc ; Latn ; Latin\nsc ; Zyyy ; Common\n"
    "sc ; Zinh ; Inherited\nsc ; Deva ; Devanagari\n",
    "Scripts.txt": "# Scripts-99.0.0.txt\n0061..0063 ; Latin # L\n0064 ; Latin\n0030 ; Common\n0301 ; Inherited\n"
    "0915 ; Devanagari\n094D ; Devanagari\n200D ; Inherited\n2764 ; Common\n4E00 ; Common\n",
    "ScriptExtensions.txt": "0301 ; Deva Latn # Mn\n",
    "DerivedAge.txt": "0000..094D ; 1.1\n200D..2764 ; 1.1\n4E00 ; 15.0\n",
    "extracted/DerivedGeneralCategory.txt": "0061..0064 ; Ll\n0030 ; Nd\n0301 ; Mn\n0915 ; Lo\n094D ; Mn\n200D ; Cf\n"
    "2764 ; So\n4E00 ; Lo\n0378 ; Cn\n",
    "extracted/DerivedLineBreak.txt": "0063 ; SA\n",
    "extracted/DerivedBidiClass.txt": "0064 ; R\n",
    "ArabicShaping.txt": "0640; TATWEEL; C; No_Joining_Group\n",
    "IndicSyllabicCategory.txt": "094D ; Virama\n",
    "DerivedCoreProperties.txt": "200D ; Default_Ignorable_Code_Point\n0061 ; Alphabetic\n",
    "PropList.txt": "4E00 ; Ideographic\n",
    "emoji/emoji-data.txt": "2764 ; Extended_Pictographic\n0030 ; Emoji\n",
    "StandardizedVariants.txt": "0030 FE00; slashed;\n4E00 FE00; ;\n",
}
CONFUSABLES = "\ufeff# confusables.txt\n# Version: 99.0.0\n006D ;\t0072 006E ;\tMA\t# m\n0030 ;\t004F ;\tMA\n"


def body(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("#")]


def test_the_generator_makes_the_tables_from_the_files_of_the_consortium(tmp_path: Path) -> None:
    for name, text in DATABASE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "confusables.txt").write_text(CONFUSABLES, encoding="utf-8")
    (tmp_path / "made").mkdir()
    generate.main(tmp_path, tmp_path / "confusables.txt", tmp_path / "made")
    assert body(tmp_path / "made" / data.SCRIPTS) == [
        "0030 0030 Zyyy",
        "0061 0064 Latn",
        "0301 0301 Deva Latn",
        "0915 0915 Deva",
        "094D 094D Deva",
    ]  # neither the invisible, nor the symbol, nor what is younger than Unicode 14
    assert body(tmp_path / "made" / data.CONFUSABLES) == ["0030 004F", "006D 0072 006E"]
    assert body(tmp_path / "made" / data.TEXT_CLASSES) == [
        "0030 0030 variant",
        "0063 0063 unspaced",
        "0064 0064 right_to_left",
        "0301 0301 mark joining",
        "0915 0915 joining",
        "094D 094D mark joining",
        "200D 200D ignorable",
        "2764 2764 pictographic",
        "4E00 4E00 ideograph",
    ]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_says_where_it_comes_from(table: str) -> None:
    header = [line for line in (DIRECTORY / table).read_text(encoding="ascii").splitlines() if line.startswith("#")]
    assert any("15.0.0" in line for line in header)
    assert any("LICENSE-UNICODE.txt" in line for line in header)
    assert "COPYRIGHT AND PERMISSION NOTICE" in (DIRECTORY / "LICENSE-UNICODE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [data.SCRIPTS, data.TEXT_CLASSES])
def test_the_ranges_of_a_table_ascend_and_do_not_overlap(table: str) -> None:
    end = -1
    for first, last, *values in data.rows(table):
        assert end < int(first, 16) <= int(last, 16) <= 0x10FFFF
        assert values
        end = int(last, 16)


def test_what_stands_for_look_alikes_stands_for_itself() -> None:
    confusables = {int(source, 16): target for source, *target in data.rows(data.CONFUSABLES)}
    assert len(confusables) > 6000
    for target in confusables.values():
        assert not confusables.keys() & {int(point, 16) for point in target}

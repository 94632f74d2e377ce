"""A QR code in two modules a letter, for a terminal that is wide enough."""

from typing import Final

from secure_chat.client.line.lines import Line, detail

_QUIET: Final = 2  # modules around it; the standard asks for 4, phones do with 2
_BLOCKS: Final = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
_BESIDE: Final = 3  # columns: the indent, and the last one, which stays free


def qr_lines(payload: bytes, columns: int | None) -> list[Line]:
    """The code, light modules drawn and dark ones left out, as a dark terminal shows them; none where it does not fit.

    `columns`: of the terminal; None: nobody could scan it. Nothing is drawn for an empty payload.
    """
    if not payload or columns is None:
        return []
    import segno  # here, because most starts never need it

    matrix = [[bool(module) for module in row] for row in segno.make_qr(payload, error="l").matrix]
    size = len(matrix)
    if size + 2 * _QUIET + _BESIDE > columns:
        return []

    def is_light(row: int, column: int) -> bool:
        inside = 0 <= row < size and 0 <= column < size
        return not (inside and matrix[row][column])

    span = range(-_QUIET, size + _QUIET)
    # The last row of letters may have one row of modules only: the other half lies outside.
    return [
        detail("".join(_BLOCKS[is_light(row, column), is_light(row + 1, column)] for column in span))
        for row in range(-_QUIET, size + _QUIET, 2)
    ]

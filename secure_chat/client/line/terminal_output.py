"""What prompt_toolkit writes to: a terminal that is never asked questions and, without colour, never coloured."""

import os
from typing import TextIO

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Attrs

_USUAL_ROWS = 24
_USUAL_COLUMNS = 80


class TerminalOutput(Vt100_Output):
    """No request for the cursor's position: a terminal that does not answer it would cost a warning and two seconds."""

    def __init__(self, stdout: TextIO, *, color: bool) -> None:
        def size() -> Size:
            try:
                columns, rows = os.get_terminal_size(stdout.fileno())
            except OSError:  # the terminal is gone
                return Size(rows=_USUAL_ROWS, columns=_USUAL_COLUMNS)
            return Size(rows=rows or _USUAL_ROWS, columns=columns or _USUAL_COLUMNS)

        super().__init__(stdout, size, term=os.environ.get("TERM"), enable_cpr=False)
        self._color = color

    def set_attributes(self, attrs: Attrs, color_depth: ColorDepth) -> None:
        """Colours and the like."""
        if self._color:
            super().set_attributes(attrs, color_depth)

    def reset_attributes(self) -> None:
        """Their end."""
        if self._color:
            super().reset_attributes()

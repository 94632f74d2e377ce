"""What is still to be written when the program ends, for a reader who may be gone."""

import os
import sys


def settle_output() -> None:
    """Write out what Python still holds; what nobody takes any more goes nowhere and does not change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

"""A gate at which a web process waits that has loaded the application before MongoDB is ready."""

from __future__ import annotations

import os
import sys
from typing import Final

WAIT_AT: Final = "LAUREL_WAIT_AT"  # the file descriptor of the pipe, in the environment of the process


class Gate:
    """The side of whoever starts the process; `open` says where MongoDB is."""

    def __init__(self) -> None:
        self._ends = os.pipe()
        self._opened = False

    @property
    def variables(self) -> dict[str, str]:
        """Return what the process has to know of it: the end of a pipe to wait at, until it is open."""
        return {} if self._opened else {WAIT_AT: str(self._ends[0])}

    @property
    def inherited(self) -> tuple[int, ...]:
        """Return the file descriptors that the process keeps."""
        return () if self._opened else self._ends[:1]

    def open(self, uri: str) -> None:
        """Let the process go on, with the address of MongoDB."""
        self._opened = True
        with os.fdopen(self._ends[1], "w") as there:
            there.write(uri)
        os.close(self._ends[0])


def wait_at_gate() -> None:
    """Wait where we were told to; MongoDB is where the gate says. Ends the process with its parent."""
    end = os.environ.pop(WAIT_AT, None)
    if end is None:
        return
    with os.fdopen(int(end)) as gate:
        uri = gate.read()
    if not uri:
        sys.exit(0)
    os.environ["LRS_MONGODB_URI"] = uri

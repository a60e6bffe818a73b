"""Finds where a body in chunks ends, so that nobody waits for it with a thread in hand (RFC 9112 7.1)."""

from __future__ import annotations

LONGEST_LINE = 8190  # of a chunk's size or a trailer
TRAILERS = 32 * 1024


class ChunkScanner:
    """Reads the frame of a body in chunks as it comes; gunicorn's parser judges it once it is complete.

    What is malformed counts as complete: the parser then says why.
    """

    def __init__(self) -> None:
        self.is_done = self.is_malformed = False
        self._line = b""
        self._left = 0  # bytes of the present chunk and the line break behind it
        self._trailers: int | None = None  # bytes of trailers so far

    def feed(self, data: bytes) -> int:
        """Take more bytes; return how many of them belong to the body."""
        at = 0
        while at < len(data) and not self.is_done:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                at = self._feed_line(data, at)
        return at

    def _feed_line(self, data: bytes, at: int) -> int:
        """Take bytes up to the end of a line; return where the next begins."""
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        self._line += data[at:stop]
        if len(self._line) > LONGEST_LINE:
            self.is_done = self.is_malformed = True
        elif end >= 0:
            line, self._line = self._line.rstrip(b"\r\n"), b""
            self._end_line(line)
        return stop

    def _end_line(self, line: bytes) -> None:
        """Note what a whole line says."""
        if self._trailers is not None:
            self._trailers += len(line)
            self.is_malformed = self._trailers > TRAILERS
            self.is_done = not line or self.is_malformed
            return
        size = line.partition(b";")[0].strip(b" \t")
        try:
            length = int(size, 16) if len(size) <= 16 else -1
        except ValueError:
            length = -1
        if length < 0:
            self.is_done = self.is_malformed = True
        elif length == 0:
            self._trailers = 0
        else:
            self._left = length + 2

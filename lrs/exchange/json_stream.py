"""JSON values cut out of a text, or of a stream that is too long for memory, each in its exact characters."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO

from statements.errors import InvalidStatement

MAX_VALUE = 8 * 1024 * 1024  # characters of one value; a statement has at most half of that in bytes
BLOCK = 1 << 20
_SPACE = (" ", "\t", "\n", "\r")
_MAY_GO_ON = ("", *"0123456789.eE+-")  # what may belong to a number that was read in part
# Values are only measured, never used: numbers of any length cost nothing.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


class JsonStream:
    """A cursor over UTF-8 bytes; what is no UTF-8 passes as it is, and is refused where it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Return the next character that is no white space, empty at the end."""
        while True:
            while self._text[self._at : self._at + 1] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def take(self, signs: str) -> str:
        """Pass one of these characters and return it; InvalidStatement where another one stands."""
        sign = self.peek()
        if not sign or sign not in signs:
            found = f"{sign!a}" if sign else "the end"
            raise InvalidStatement("$", f"is not JSON: expected {' or '.join(signs)}, found {found}")
        self._at += 1
        return sign

    def value(self) -> str:
        """Return the text of the next value and pass it; InvalidStatement where there is none."""
        self.peek()
        while True:
            end, reason = self._end()
            is_whole = not reason and self._text[end : end + 1] not in _MAY_GO_ON
            if is_whole or len(self._text) - self._at > MAX_VALUE or not self._fill():
                break
        if reason:
            raise InvalidStatement("$", f"is no JSON value of up to {MAX_VALUE} characters: {reason}")
        found, self._at = self._text[self._at : end], end
        return found

    def _end(self) -> tuple[int, str]:
        """Return where the value here ends in what was read, or why none does."""
        try:
            return _DECODER.raw_decode(self._text, self._at)[1], ""
        except (ValueError, RecursionError) as error:
            return self._at, str(error)

    def text(self) -> str:
        """Return the next value, which is a string or null, and pass it; InvalidStatement where it is not."""
        found = _DECODER.decode(self.value())
        if found is not None and not isinstance(found, str):
            raise InvalidStatement("$", "must be a string")
        return found or ""

    def elements(self) -> Iterator[str]:
        """Yield the text of each element of the array that begins here."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Yield each name of the object that begins here; the caller passes its value."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            name = self.text()
            self.take(":")
            yield name
            if self.take(",}") == "}":
                return

    def begins_with(self, *names: str) -> bool:
        """Tell whether the object that begins here has one of these (in quotes) as its first member."""
        self.peek()
        if len(self._text) - self._at < 256:
            self._fill()
        inner = self._text[self._at + 1 : self._at + 256].lstrip()
        return inner.startswith(names)

    def _fill(self) -> bool:
        """Read more; false at the end."""
        if self._ended:
            return False
        block = self._file.read(max(BLOCK, len(self._text) - self._at))
        self._ended = not block
        self._text = self._text[self._at :] + self._decoder.decode(block, final=self._ended)
        self._at = 0
        return not self._ended or bool(self._text)

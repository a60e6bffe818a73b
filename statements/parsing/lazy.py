"""A sequence whose items are made when they are asked for, so that a long one is never there as a whole.

Apart from the modules that are compiled (`setup.py`), because it derives from a class of the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

Item = TypeVar("Item")
Other = TypeVar("Other")


class Lazy(Sequence[Item]):
    """`length` items, each made anew by `read` from its number; nothing is kept."""

    __slots__ = ("_length", "_read")

    def __init__(self, length: int, read: Callable[[int], Item]) -> None:
        self._length, self._read = length, read

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Lazy[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Lazy[Item]:
        if isinstance(index, slice):
            return self.chosen(range(self._length)[index])
        return self._read(range(self._length)[index])

    def __iter__(self) -> Iterator[Item]:
        return map(self._read, range(self._length))

    def chosen(self, indexes: Sequence[int]) -> Lazy[Item]:
        """Return the items of these numbers, in their order."""
        return Lazy(len(indexes), lambda index: self._read(indexes[index]))


def changed(items: Sequence[Item], change: Callable[[Item], Other]) -> Sequence[Other]:
    """Return what `change` makes of each item: at once of a list, when asked for of a lazy sequence."""
    if isinstance(items, Lazy):
        return Lazy(len(items), lambda index: change(items[index]))
    return [change(item) for item in items]


def chosen(items: Sequence[Item], indexes: Sequence[int]) -> Sequence[Item]:
    """Return the items of these numbers, lazily where the sequence is."""
    return items.chosen(indexes) if isinstance(items, Lazy) else [items[index] for index in indexes]

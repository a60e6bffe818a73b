"""What a form of the rule language is: the keys it is written with, and what each key holds.

A condition has one of several forms, told by the key that names it: `{score: exam, at_least: 0.8}` is a
`score`. A form is a class whose fields say how they are written. Reading, writing and looking through a tree
follow from that, for sound values here and for unsound data in `rules.checking.nodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from rules.language.durations import duration


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a key holds: how its plain data is read, and how its value is written as plain data."""

    read: Callable[[Any], Any] = lambda data: data
    write: Callable[[Any], Any] = lambda value: value


def many(data: str | list[str] | None) -> tuple[str, ...]:
    """Read one name or a list of names."""
    if data is None:
        return ()
    return (data,) if isinstance(data, str) else tuple(data)


AS_WRITTEN = Kind()
NUMBER = Kind(Decimal)
DURATION = Kind(duration, str)
UNORDERED = Kind(lambda data: tuple(sorted(data)), sorted)
"""A list whose order means nothing."""
CERTIFICATION = Kind()
FRAGMENT = Kind()
SELECTOR = Kind()
SELECTOR_LIST = Kind(tuple, list)
DISQUALIFIERS = Kind(many, list)
"""One selector or a list of them, whose statements spoil the condition."""
PARTS = Kind()
"""A list of conditions of the same family, each of which has a form again."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a form: its word in rule files, the field that has its value, and what it holds."""

    word: str
    field: str
    kind: Kind


def written(word: str, kind: Kind = AS_WRITTEN, *, default: Any = MISSING) -> Any:
    """Return a field of a form that rule files write as `word`; without a default it has to be there."""
    return field(default=default, metadata={"word": word, "kind": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A condition in one of its forms; a family of them is a subclass with a table `forms` of its own.

    `reported_as` makes the missing key of a form from what its words stand for (cert#2.5); `missing_key` is
    what one condition reports: its own `key`, else that.
    """

    forms: ClassVar[dict[str, type[Any]]]
    form: ClassVar[str]
    keys: ClassVar[tuple[Key, ...]]
    reported_as: ClassVar[str]

    label: str | None = written("label", default=None)
    key: str | None = written("key", default=None)
    missing_key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = {each.word: getattr(self, each.field) for each in self.keys}
        object.__setattr__(self, "missing_key", self.key or self.derived_key(values))

    @classmethod
    def derived_key(cls, values: Mapping[str, Any]) -> str:
        """Return the missing key of this form without `key`, from what its words stand for (cert#2.5)."""
        return cls.reported_as.format_map({key.word: values.get(key.word) for key in cls.keys})

    @classmethod
    def form_of(cls, data: Mapping[str, Any]) -> type[Self] | None:
        """Return the form that plain data has in this family, None where it has none."""
        return next((form for name, form in cls.forms.items() if name in data), None)

    @classmethod
    def read(cls, data: Any) -> Self:
        """Make a condition of this family from valid plain data."""
        form = cls.form_of(data)
        assert form is not None  # noqa: S101 -- the schema found a form
        return form(**{key.field: cls._value(key, data[key.word]) for key in form.keys if key.word in data})

    @classmethod
    def _value(cls, key: Key, data: Any) -> Any:
        return tuple(map(cls.read, data)) if key.kind is PARTS else key.kind.read(data)

    def data(self) -> dict[str, Any]:
        """Return the condition as plain data with defaults, without what is not given."""
        values = ((key, getattr(self, key.field)) for key in self.keys)
        return {key.word: self._data(key, value) for key, value in values if value not in (None, ())}

    def _data(self, key: Key, value: Any) -> Any:
        return [part.data() for part in value] if key.kind is PARTS else key.kind.write(value)

    def named(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the names that stand in keys of these kinds."""
        values = (getattr(self, key.field) for key in self.keys if key.kind in kinds)
        return tuple(name for value in values for name in many(value))

    def located(self) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield the conditions listed in this one, each with where it stands in it."""
        for key in self.keys:
            if key.kind is PARTS:
                yield from (((key.word, i), part) for i, part in enumerate(getattr(self, key.field)))

    def changed(self, change: Callable[[Kind, Any], Any]) -> Self:
        """Return the condition with the value of each key changed, by what the key holds."""
        values = {key.field: change(key.kind, getattr(self, key.field)) for key in self.keys}
        return replace(self, **values)


_F = TypeVar("_F", bound=Form)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(written, field))
def form(name: str, *, reported_as: str) -> Callable[[type[_F]], type[_F]]:
    """Make a class a form of its family; `name` is the key by which a rule file chooses it."""

    def made(cls: type[_F]) -> type[_F]:
        own = tuple(cls.__annotations__)
        cls = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        told = ((each.name, each.metadata) for each in fields(cls) if each.metadata)
        keys = [Key(data["word"], name, data["kind"]) for name, data in told]
        cls.keys = tuple(sorted(keys, key=lambda key: key.field not in own))  # the common ones come last
        cls.form, cls.reported_as = name, reported_as
        cls.forms[name] = cls
        return cls

    return made


def walk(root: _F) -> Iterator[_F]:
    """Yield a condition and everything below it, in document order."""
    yield root
    for _, part in root.located():
        yield from walk(part)

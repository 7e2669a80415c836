"""Compares what was read with the `want` of a vector (test/vectors/README.md).

CDDL has numbers where `want` has names and words, so they are learned: a key or a choice that is new may
have any name that fits, and from then on every vector must call it so and nothing else of its kind.
"""

from cddl_check import Record, Row


class Vocabulary:
    def __init__(self):
        self._names = {}  # (label, key or number) -> name
        self._things = {}  # (label, name) -> key or number

    def matches(self, read, want):
        """True when `want` is what was read, in the words used so far."""
        return self._attempt(lambda: self._value(read, want))

    def _attempt(self, compare):
        """Nothing is learned from what does not fit."""
        names, things = dict(self._names), dict(self._things)
        if compare():
            return True
        self._names, self._things = names, things
        return False

    def _value(self, read, want):
        if isinstance(read, Record):
            return self._members(read.label, list(read.fields.items()), want)
        if isinstance(read, Row):
            return self._row(read, want)
        return self._scalar(read, want)

    def _members(self, label, entries, want):
        """Each entry under one of the names; those of new keys are tried in the order of `want`."""
        if not isinstance(want, dict) or len(entries) != len(want):
            return False
        if not entries:
            return True
        (key, item), *rest = entries
        known = self._names.get((label, key))

        def fits(name):
            others = {other: wanted for other, wanted in want.items() if other != name}
            return (
                self._is_called(label, key, name)
                and self._value(item, want[name])
                and self._members(label, rest, others)
            )

        names = list(want) if known is None else [known] if known in want else []
        return any(self._attempt(lambda: fits(name)) for name in names)

    def _row(self, row, want):
        """An array is a list; or members by their place, of which a list at the end takes all the rest."""
        if isinstance(want, list):
            return len(row.items) == len(want) and all(map(self._value, row.items, want))
        if not isinstance(want, dict) or not want:
            return False
        items = row.items
        if isinstance(list(want.values())[-1], list):
            fixed = len(want) - 1
            items = [*items[:fixed], Row(row.label, items[fixed:])]
        return self._members(row.label, list(enumerate(items)), want)

    def _scalar(self, scalar, want):
        value = scalar.value
        if isinstance(value, bytes):
            return want == {"hex": value.hex()}
        if isinstance(value, int) and not isinstance(value, bool) and isinstance(want, str):
            return self._is_called(scalar.label, value, want)
        return type(value) is type(want) and value == want

    def _is_called(self, label, thing, name):
        named = self._names.setdefault((label, thing), name)
        return named == name and self._things.setdefault((label, name), thing) == thing


def bare(value):
    """A value without schema, as strict.json writes it."""
    if isinstance(value, dict):
        return {"map": [[key, bare(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return {"hex": value.hex()} if isinstance(value, bytes) else value

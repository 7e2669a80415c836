"""Holds decoded values against CDDL rules (RFC 8610).

The rules come as the parse tree of test/cddl/parse.ts in JSON, so nothing here changes with the schema:
`{rule: node}`, a node being `{"kind": "name" | "literal" | "range" | "choice" | "map" | "array" | "tag" |
"control", …}`; an occurrence without end has `"max": null`.
"""

from dataclasses import dataclass

from beyond_cddl import CHECKS
from strict_cbor import Refused, decode


@dataclass
class Record:
    """A map as read. `label` says where in the schema, `fields` has the keys that the schema lists."""

    label: str
    fields: dict


@dataclass
class Row:
    """An array as read."""

    label: str
    items: list


@dataclass
class Scalar:
    label: str
    value: object


def plain(read):
    """What was read as cbor2 writes it: without the extensions."""
    if isinstance(read, Record):
        return {key: plain(item) for key, item in read.fields.items()}
    if isinstance(read, Row):
        return [plain(item) for item in read.items]
    return read.value


class Schema:
    def __init__(self, rules):
        self.rules = rules

    def read(self, rule, value):
        """The value as Record, Row or Scalar. Raises Refused with the code that a reader must say."""
        return self._rule(rule, value, ())

    def _rule(self, rule, value, at):
        read = self._node(self.rules[rule], value, rule, at)
        if rule in CHECKS:
            CHECKS[rule](value, at)
        return read

    def _node(self, node, value, label, at):
        return getattr(self, "_" + node["kind"])(node, value, label, at)

    def _name(self, node, value, label, at):
        name = node["name"]
        if name in self.rules:
            return self._rule(name, value, at)
        if not _PRELUDE[name](value):
            raise Refused("malformed", f"{label}: not {name}", at)
        return Scalar(label, value)

    def _literal(self, node, value, label, at):
        return _bounded(node["value"], node["value"], value, label, at)

    def _range(self, node, value, label, at):
        return _bounded(node["low"], node["high"], value, label, at)

    def _choice(self, node, value, label, at):
        """The first alternative that fits; else the refusal of the one that came furthest."""
        refusals = []
        for number, alternative in enumerate(node["types"]):
            scalar = alternative["kind"] in ("literal", "range", "name", "control")
            try:
                return self._node(alternative, value, label if scalar else f"{label}/{number}", at)
            except Refused as refusal:
                refusals.append(refusal)
        raise max(refusals, key=lambda refusal: (refusal.at, refusal.code != "malformed"))

    def _map(self, node, value, label, at):
        if not isinstance(value, dict):
            raise Refused("malformed", f"{label}: not a map", at)
        members = node["members"]
        owners = {key: self._owner(members, key) for key in value}
        if None in owners.values():
            raise Refused("unknown-key", f"{label}: a key that is not listed", at)
        fields = {}
        for place, member in enumerate(members):
            keys = [key for key, owner in owners.items() if owner is member]
            if not _count_fits(len(keys), [member]):
                raise Refused("malformed", f"{label}: a member stands {len(keys)} times", (*at, place))
            for key in keys:
                read = self._node(member["type"], value[key], f"{label}.{key}", (*at, place))
                if member["key"]["kind"] == "literal":
                    fields[key] = read
        return Record(label, fields)

    def _owner(self, members, key):
        """The first member whose key fits takes the entry: the cut of RFC 8610 section 3.5.4."""
        return next((member for member in members if self._fits(member["key"], key)), None)

    def _fits(self, node, value):
        try:
            self._node(node, value, "key", ())
        except Refused:
            return False
        return True

    def _array(self, node, value, label, at):
        if not isinstance(value, list):
            raise Refused("malformed", f"{label}: not an array", at)
        items = node["items"]
        if not _count_fits(len(value), items):
            raise Refused("out-of-range", f"{label}: {len(value)} items", at)
        types = [item["type"] for item, times in zip(items, _times(items, len(value))) for _ in range(times)]
        return Row(
            label,
            [
                self._node(type_, entry, f"{label}[{place}]", (*at, place))
                for place, (type_, entry) in enumerate(zip(types, value))
            ],
        )

    def _control(self, node, value, label, at):
        read = self._node(node["type"], value, label, at)
        if node["control"] == "cbor":
            return self._node(node["argument"], decode(value), label, at)
        if node["control"] != "size" or isinstance(value, int):
            raise NotImplementedError(f"{label}: .{node['control']} of this type")
        size = len(value.encode("utf-8") if isinstance(value, str) else value)
        self._node(node["argument"], size, label, at)
        return read


_PRELUDE = {
    "any": lambda value: True,
    "uint": lambda value: _is_integer(value) and value >= 0,
    "nint": lambda value: _is_integer(value) and value < 0,
    "int": lambda value: _is_integer(value),
    "bstr": lambda value: isinstance(value, bytes),
    "tstr": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _bounded(low, high, value, label, at):
    if isinstance(low, str):
        if value != low:
            raise Refused("malformed", f"{label}: not {low!r}", at)
    elif not _is_integer(value):
        raise Refused("malformed", f"{label}: not an integer", at)
    elif not low <= value <= high:
        raise Refused("out-of-range", f"{label}: not in {low}..{high}", at)
    return Scalar(label, value)


def _count_fits(count, entries):
    least = sum(entry["min"] for entry in entries)
    endless = any(entry["max"] is None for entry in entries)
    return least <= count and (endless or count <= sum(entry["max"] for entry in entries))


def _times(items, count):
    """How often each item stands; at most one may stand a varying number of times."""
    spare = count - sum(item["min"] for item in items)
    varying = [item for item in items if item["min"] != item["max"]]
    if len(varying) > 1:
        raise NotImplementedError("an array with two items of varying number")
    return [item["min"] + (spare if item in varying else 0) for item in items]

"""Deterministic CBOR of Daymark's profile: what may be read at all.

The rules are those at the head of protocol/daymark.cddl. A scanner of its own decides; cbor2 then decodes
what passed, and must write it again as the same bytes.
"""

import cbor2

MAX_BYTES = 65_536
MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP = range(6)
FALSE, TRUE = 0xF4, 0xF5
TAG_SIGN1 = 0xD2


class Refused(Exception):
    """Bytes that are not read.

    code: one of the words in protocol/errors.ts. at: how far the reader came, as positions from the
    outside in, so that of several readings that failed the one that came furthest can be told.
    """

    def __init__(self, code, why, at=()):
        super().__init__(f"{code}: {why}")
        self.code = code
        self.at = tuple(at)


def decode(data):
    """One item as int, bool, str, bytes, list or dict. Raises Refused "malformed" or "too-large"."""
    if len(data) > MAX_BYTES:
        raise Refused("too-large", f"more than {MAX_BYTES} bytes")
    end = _item(data, 0, 0)
    if end != len(data):
        raise Refused("malformed", "bytes after the item")
    value = cbor2.loads(data)
    if cbor2.dumps(value) != data:
        raise AssertionError(f"cbor2 does not write again what the scanner let pass: {data.hex()}")
    return value


def sequence(data):
    """The items of a CBOR sequence (RFC 8742), each with the tag of an envelope before it if there is one."""
    at, items = 0, []
    while at < len(data):
        end = _item(data, at + (data[at] == TAG_SIGN1), 0)
        items.append(data[at:end])
        at = end
    return items


def _item(data, at, depth):
    """The offset behind the item that begins at `at`."""
    if data[at : at + 1] in (bytes([FALSE]), bytes([TRUE])):
        return at + 1
    major, argument, at = _head(data, at)
    if major in (BYTES, TEXT):
        content = _take(data, at, argument)
        if major == TEXT:
            _check_text(content)
        return at + argument
    if major in (ARRAY, MAP):
        if depth == MAX_DEPTH:
            raise Refused("malformed", "nested too deep")
        return (_array if major == ARRAY else _map)(data, at, argument, depth)
    return at


def _array(data, at, count, depth):
    for _ in range(count):
        at = _item(data, at, depth + 1)
    return at


def _map(data, at, count, depth):
    previous = b""
    for _ in range(count):
        start = at
        major, _argument, at = _head(data, at)
        if major not in (UNSIGNED, NEGATIVE):
            raise Refused("malformed", "a key that is no integer")
        key = data[start:at]
        if key <= previous:  # bytewise order, RFC 8949 section 4.2.1
            raise Refused("malformed", "keys are not ascending")
        previous = key
        at = _item(data, at, depth + 1)
    return at


def _head(data, at):
    """Major type, argument and the offset behind them (RFC 8949 section 3)."""
    initial = _take(data, at, 1)[0]
    at += 1
    major, short = initial >> 5, initial & 0x1F
    if major > MAP:
        raise Refused("malformed", "a tag, a float or a simple value")
    if short < 24:
        return major, short, at
    if short > 27:
        raise Refused("malformed", "indefinite length or reserved form")
    size = 1 << (short - 24)
    argument = int.from_bytes(_take(data, at, size), "big")
    if argument < (24 if size == 1 else 1 << (4 * size)):
        raise Refused("malformed", "not the shortest form")
    if argument > MAX_INTEGER - (major == NEGATIVE):
        raise Refused("malformed", "beyond 2^53 - 1")
    return major, argument, at + size


def _take(data, at, size):
    if size > len(data) - at:
        raise Refused("malformed", "truncated")
    return data[at : at + size]


def _check_text(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("malformed", "text that is no UTF-8") from None

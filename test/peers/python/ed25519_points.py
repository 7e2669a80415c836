"""Which 32 bytes are a public key of Ed25519: RFC 8032 sections 5.1.3 and 5.1.4 in plain integers.

Needed because libraries take points of small order, with which one signature fits many messages.
"""

from functools import cache

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
L = 2**252 + 27742317777372353535851937790883648493
NEUTRAL = (0, 1)


@cache  # the same few keys stand in most vectors
def is_of_prime_order(encoded):
    """True for a canonical encoding of a point of order L."""
    point = _decode(encoded)
    return point is not None and point != NEUTRAL and _multiply(L, point) == NEUTRAL


def _decode(encoded):
    """(x, y), or None when the bytes are no canonical point."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if v * x * x % P != u or (x == 0 and sign == 1):
        return None
    return (P - x if x & 1 != sign else x, y)


def _multiply(factor, point):
    result = NEUTRAL
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _add(a, b):
    """The law of addition on the twisted Edwards curve with a = -1; it has no exceptions."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P)
    return (x % P, y % P)

"""What a rule of protocol/daymark.cddl says in a comment, because CDDL cannot: `{rule: check(value, at)}`."""

from itertools import pairwise

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from ed25519_points import is_of_prime_order
from strict_cbor import Refused

ALGORITHM_ES256, ALGORITHM_EDDSA = -7, -8
UNCOMPRESSED = 0x04

IN, RANGE = 1, 2
MAX_PREDICATE_DEPTH = 4
MAX_PREDICATE_NODES = 32


def _public_key(value, at):
    """A point on P-256 (SEC 1 section 3.2.2), or one of prime order on edwards25519."""
    valid = {ALGORITHM_ES256: _is_on_p256, ALGORITHM_EDDSA: is_of_prime_order}[value[1]]
    if not valid(value[2]):
        raise Refused("out-of-range", "not a point of its curve", at)


def _is_on_p256(encoded):
    if encoded[0] != UNCOMPRESSED:
        return False
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), encoded)
    except ValueError:
        return False
    return True


def _predicate(value, at):
    """At most 32 nodes, 4 deep; a range ends where it begins or later; a set ascends by encoded bytes."""
    operation, *operands = value
    if operation == RANGE and operands[1] > operands[2]:
        raise Refused("out-of-range", "a range that ends before it begins", at)
    encoded = [cbor2.dumps(item) for item in operands[1:]] if operation == IN else []
    if any(first >= second for first, second in pairwise(encoded)):
        raise Refused("malformed", "a set that does not ascend", at)
    depth, nodes = _extent(value)
    if depth > MAX_PREDICATE_DEPTH or nodes > MAX_PREDICATE_NODES:
        raise Refused("too-large", f"{nodes} nodes, {depth} deep", at)


def _extent(predicate):
    """How deep it is, and of how many predicates it consists."""
    inner = [_extent(operand) for operand in predicate if isinstance(operand, list)]
    return 1 + max((depth for depth, _ in inner), default=0), 1 + sum(nodes for _, nodes in inner)


CHECKS = {"public-key": _public_key, "predicate": _predicate}

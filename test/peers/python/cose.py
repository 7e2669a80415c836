"""Envelopes: COSE_Sign1 (RFC 9052) with tag 18, a protected header of alg, kid and typ, and co-signatures."""

import hashlib
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from strict_cbor import TAG_SIGN1, Refused, decode

ALG, KID, TYP = 1, 4, 16
ALGORITHMS = {-7: "ES256", -8: "Ed25519"}
KID_BYTES = 8
SIGNATURE_BYTES = 64
TYPS = range(65_001, 65_536)
CO_SIGNATURES = -65_537
MAX_SIGNATURES = 16


@dataclass
class Key:
    algorithm: str
    public: bytes

    @property
    def kid(self):
        return hashlib.sha256(self.public).digest()[:KID_BYTES]


@dataclass
class Signature:
    algorithm: str
    kid: bytes
    typ: int
    protected: bytes
    bytes: bytes


@dataclass
class Envelope:
    typ: int
    payload: bytes
    signatures: list


def parse(data):
    """The envelope, nothing of it trusted yet. Raises Refused."""
    if data[:1] != bytes([TAG_SIGN1]):
        raise Refused("malformed", "no tag 18 in one byte")
    item = decode(data[1:])
    if not isinstance(item, list) or len(item) != 4:
        raise Refused("malformed", "not four parts")
    protected, unprotected, payload, signature = item
    if not isinstance(payload, bytes):
        raise Refused("malformed", "the payload is no byte string")
    signatures = [_signature(protected, signature), *_co_signatures(unprotected)]
    if len({each.typ for each in signatures}) > 1:
        raise Refused("malformed", "the signatures name different types")
    if len({each.kid for each in signatures}) < len(signatures):
        raise Refused("malformed", "a key signs twice")
    return Envelope(signatures[0].typ, payload, signatures)


def verify(envelope, keys, threshold, fleet_id):
    """Every signature must be good and by one of `keys`, and there must be enough. Raises Refused."""
    for signature in envelope.signatures:
        key = next((key for key in keys if key.kid == signature.kid), None)
        if key is None or key.algorithm != signature.algorithm:
            raise Refused("wrong-key", "not one of the keys, or not its algorithm")
        external_aad = b"daymark/1" + fleet_id
        to_be_signed = cbor2.dumps(["Signature1", signature.protected, external_aad, envelope.payload])
        if not _verifies(key, to_be_signed, signature.bytes):
            raise Refused("bad-signature", "does not verify")
    if len(envelope.signatures) < threshold:
        raise Refused("quorum-missing", f"{threshold} signatures are needed")


def _signature(protected, signature):
    if not isinstance(protected, bytes):
        raise Refused("malformed", "the protected header is no byte string")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise Refused("malformed", "the signature is not 64 bytes")
    header = decode(protected)
    if not isinstance(header, dict) or len(header) != 3:
        raise Refused("malformed", "the protected header is not alg, kid and typ")
    alg, kid, typ = header.get(ALG), header.get(KID), header.get(TYP)
    if isinstance(alg, bool) or alg not in ALGORITHMS:
        raise Refused("malformed", "no alg that is known")
    if not isinstance(kid, bytes) or len(kid) != KID_BYTES:
        raise Refused("malformed", "the kid is not 8 bytes")
    if not isinstance(typ, int) or typ not in TYPS:
        raise Refused("unknown-type", "the typ is none of Daymark's")
    return Signature(ALGORITHMS[alg], kid, typ, protected, signature)


def _co_signatures(unprotected):
    """The further signatures, each of which could stand in an envelope of its own."""
    if unprotected == {}:
        return []
    alone = isinstance(unprotected, dict) and len(unprotected) == 1
    found = unprotected.get(CO_SIGNATURES) if alone else None
    if not isinstance(found, list) or not found:
        raise Refused("malformed", "the unprotected header holds something else than further signatures")
    if len(found) >= MAX_SIGNATURES:
        raise Refused("too-large", "too many signatures")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        raise Refused("malformed", "a further signature is not a pair")
    return [_signature(*pair) for pair in found]


def _verifies(key, message, signature):
    try:
        if key.algorithm == "Ed25519":
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.public)
            point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True

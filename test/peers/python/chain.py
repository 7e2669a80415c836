"""Walks a chain of Authorities: who may continue it, and what each link must say of the one before."""

import hashlib

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

import cose
from strict_cbor import Refused, sequence

AUTHORITY_TYP = 65_001
VERSION, ROLES, TERMS, ANCHORS, ISSUERS, PREVIOUS = 1, 3, 4, 5, 6, 9
ROLE, THRESHOLD, KEYS = 1, 2, 3
ROOT = 0
ROLE_NUMBERS = (0, 1, 2, 3, 4, 5, 7)
TIME_TERM, TIME_BASE = 4, 5
TERM_KINDS = (1, 2, 3, TIME_TERM)


def walk(data, read):
    """The newest version that `data`, a CBOR sequence, leads to. `read` checks a payload against the schema."""
    first, *links = (cose.parse(item) for item in sequence(data))
    fleet_id = hashlib.sha256(first.payload).digest()[:16]
    known = _claim(first, read)
    if known[VERSION] != 1:
        raise Refused("out-of-range", "does not begin with version 1")
    cose.verify(first, *_holders(known, ROOT), fleet_id)
    _check(known)
    payload = first.payload
    for link in links:
        known = _next(link, known, payload, fleet_id, read)
        payload = link.payload
    return known[VERSION]


def _next(link, known, payload, fleet_id, read):
    claimed = _claim(link, read)
    if claimed[VERSION] != known[VERSION] + 1:
        raise Refused("out-of-range", "a link is missing")
    roots = [_holders(known, ROOT), _holders(claimed, ROOT)]
    cose.verify(link, [key for keys, _ in roots for key in keys], 1, fleet_id)
    kids = {signature.kid for signature in link.signatures}
    for keys, threshold in roots:
        if sum(key.kid in kids for key in keys) < threshold:
            raise Refused("quorum-missing", "too few root keys have signed")
    if claimed.get(PREVIOUS) != hashlib.sha256(payload).digest():
        raise Refused("wrong-key", "follows another version")
    old, new = known[TERMS], claimed[TERMS]
    if any(new[kind] < old[kind] for kind in TERM_KINDS):
        raise Refused("out-of-range", "a term falls")
    if new[TIME_TERM] == old[TIME_TERM] and new[TIME_BASE] != old[TIME_BASE]:
        raise Refused("out-of-range", "another base of time in the same term")
    _check(claimed)
    return claimed


def _claim(envelope, read):
    if envelope.typ != AUTHORITY_TYP:
        raise Refused("unknown-type", "not an Authority")
    read(envelope.payload)
    return cbor2.loads(envelope.payload)


def _holders(authority, role):
    """The keys of a role and its threshold."""
    found = [entry for entry in authority[ROLES] if entry[ROLE] == role]
    if len(found) != 1:
        raise Refused("wrong-key", "not one key list for the role")
    keys = [cose.Key(cose.ALGORITHMS[key[1]], key[2]) for key in found[0][KEYS]]
    return keys, found[0][THRESHOLD]


def _check(authority):
    """What an Authority must be before it is trusted."""
    for entry in authority[ROLES]:
        keys = {key[2] for key in entry[KEYS]}
        if len(keys) < len(entry[KEYS]) or entry[THRESHOLD] > len(keys):
            raise Refused("out-of-range", "a threshold that its keys cannot meet")
    for role in ROLE_NUMBERS:
        _holders(authority, role)
    anchors = [x509.load_der_x509_certificate(der) for der in authority[ANCHORS]]
    for issuer in authority[ISSUERS]:
        certificate = x509.load_der_x509_certificate(issuer[2])
        if not any(_issued(certificate, anchor) for anchor in anchors):
            raise Refused("bad-certificate", "an issuer of no anchor")


def _issued(certificate, anchor):
    key, signature, signed = anchor.public_key(), certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(certificate.signature_hash_algorithm))
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return certificate.issuer == anchor.subject

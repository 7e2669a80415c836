"""Reads vectors as a stranger would: from the files of test/vectors and the schema alone.

    peer.py FILE... < rules.json

Prints a JSON line for each disagreement, {"file", "name", "want", "got"}, and at the end {"vectors": count}.
"""

import json
import sys
from pathlib import Path

import cbor2

import chain
import cose
from cddl_check import Schema, plain
from strict_cbor import Refused, decode
from vocabulary import Vocabulary, bare


class Peer:
    def __init__(self, rules):
        self._schema = Schema(rules)
        self._vocabulary = Vocabulary()
        self._frames = {name: number for number, name in map(_frame_entry, _alternatives(rules["frame"]))}
        self._typs = {name: typ for typ, name in map(_envelope_entry, _alternatives(rules["envelope"]))}

    def disagreement(self, file, vector):
        """What this peer says instead of `want`, or None."""
        want = vector["want"]
        wanted_code = want.get("error") if isinstance(want, dict) and set(want) == {"error"} else None
        try:
            value, agrees = self._open(file, vector)
        except Refused as refusal:
            return None if refusal.code == wanted_code else str(refusal)
        if wanted_code is None and agrees:
            return None
        return f"accepted: {json.dumps(bare(value))}"

    def _open(self, file, vector):
        """The value, and whether the vector wants that and says rightly if it has only one encoding."""
        data = bytes.fromhex(vector["hex"])
        if file.name == "strict.json":
            value = decode(data)
            return value, json.dumps(bare(value)) == json.dumps(vector["want"])  # True is not 1 there
        if file.name == "authority-chain.json":
            newest = chain.walk(data, lambda payload: self._schema.read("authority", decode(payload)))
            return newest, vector["want"] == {"version": newest}
        payload = self._payload(data, vector)
        read = self._schema.read(vector.get("message", file.stem), decode(payload))
        agrees = self._vocabulary.matches(read, vector["want"])
        extended = cbor2.dumps(plain(read)) != payload
        return plain(read), agrees and (vector.get("oneWay", False) or not extended)

    def _payload(self, data, vector):
        if "fleetId" in vector:
            return self._opened_envelope(data, vector)
        return self._opened_frame(data, vector["message"]) if "message" in vector else data

    def _opened_envelope(self, data, vector):
        envelope = cose.parse(data)
        if envelope.typ != self._typs[vector["message"]]:
            raise Refused("unknown-type", "another message was expected")
        keys = [cose.Key(key["algorithm"], _bytes(key["publicKey"])) for key in vector["keys"]]
        cose.verify(envelope, keys, vector.get("threshold", 1), _bytes(vector["fleetId"]))
        return envelope.payload

    def _opened_frame(self, data, message):
        item = decode(data)
        if not isinstance(item, list) or len(item) != 2 or type(item[0]) is not int:
            raise Refused("malformed", "not [type, payload]")
        if item[0] != self._frames[message]:
            raise Refused("unknown-type", "another message was expected")
        return cbor2.dumps(item[1])


def _alternatives(node):
    return node["types"] if node["kind"] == "choice" else [node]


def _frame_entry(node):
    """`[number, message]`."""
    number, message = (item["type"] for item in node["items"])
    return number["value"], message["name"]


def _envelope_entry(node):
    """`#6.18([bstr .cbor { …, 16: typ }, …, bstr .cbor message, signature])`."""
    protected, _unprotected, payload, _signature = (item["type"] for item in node["type"]["items"])
    header = {member["key"]["value"]: member["type"] for member in protected["argument"]["members"]}
    return header[cose.TYP]["value"], payload["argument"]["name"]


def _bytes(member):
    return bytes.fromhex(member["hex"])


def main(files):
    peer = Peer(json.load(sys.stdin))
    count = 0
    for file in map(Path, files):
        for vector in json.loads(file.read_text("utf-8")):
            count += 1
            got = peer.disagreement(file, vector)
            if got is not None:
                shown = {"file": file.name, "name": vector["name"], "want": vector["want"], "got": got}
                print(json.dumps(shown))
    print(json.dumps({"vectors": count}))


if __name__ == "__main__":
    main(sys.argv[1:])

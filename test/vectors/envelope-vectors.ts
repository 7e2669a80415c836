/** Envelopes, good and bad, for both algorithms: a directive, and everything that can be wrong about it. */
import { Tagged } from "cborg";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { concatBytes, fromHex, toHex } from "../../protocol/bytes.js";
import type { Algorithm, PrivateKey } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { decodeForCddl } from "../cddl/cddl.js";
import { diag } from "./diag.js";
import { examples, filled } from "./examples.js";
import { cbor, forge, type Header, kidOf, tagged } from "./forge.js";
import { type EnvelopeVector, toJson } from "./json.js";

const FLEET = filled("fleet", 16);
const OTHER_FLEET = filled("other fleet", 16);
const VALUE = examples.directive.usual;
const PAYLOAD = Directive.encode(VALUE!);
const TYP = 65_003;
const RELEASE_TYP = 65_004;
const ZERO = Uint8Array.of(0);

type Rest = Partial<Pick<EnvelopeVector, "message" | "fleetId" | "signer" | "oneWay">>;
type Forge = ReturnType<typeof forge>;

export function envelopeVectors(): readonly EnvelopeVector[] {
  return (["ES256", "Ed25519"] as const).flatMap((algorithm) => {
    const by = forge(algorithm, { payload: PAYLOAD, fleetId: FLEET, typ: TYP });
    return [
      ...good(algorithm, by).map(([name, bytes, rest]) =>
        vector(`${algorithm}: ${name}`, bytes, toJson(VALUE), by, rest),
      ),
      ...[...notCose(by), ...badHeader(by, algorithm), ...badSigner(by), ...badPayload(by)].map(
        ([name, bytes, error, rest]) => vector(`${algorithm}: ${name}`, bytes, { error }, by, rest),
      ),
    ];
  });
}

function good(algorithm: Algorithm, by: Forge): readonly (readonly [string, Uint8Array, Rest])[] {
  const { keys, seal, headerWith, withS } = by;
  const upperS = withS((s, order) => (s > order / 2n ? s : order - s));
  const second = seal({ key: keys.hold2, header: headerWith(4, kidOf(keys.hold2)) });
  return [
    ["a directive", seal(), signerOf(keys.hold)],
    ["signed with the second key of the role", second, signerOf(keys.hold2)],
    ["an extension in the payload", seal({ payload: payloadWith(64, [1, "later"]) }), { oneWay: true }],
    ...(algorithm === "ES256"
      ? [["S in the upper half", seal({ signature: upperS }), { oneWay: true }] as const]
      : []),
  ];
}

type Bad = readonly [name: string, bytes: Uint8Array, error: ProtocolErrorCode, rest?: Rest];

function notCose({ seal, kid, header }: Forge): readonly Bad[] {
  const whole = (name: string, change: (item: readonly unknown[]) => Uint8Array): Bad => [
    name,
    seal({ whole: change }),
    "malformed",
  ];
  return [
    whole("no tag", cbor),
    whole("tag 17", (item) => cbor(new Tagged(17, item))),
    whole("tag 98, COSE_Sign", (item) => cbor(new Tagged(98, item))),
    whole("tag 18 in long form", (item) => concatBytes(fromHex("d812"), cbor(item))),
    whole("tag 18 twice", (item) => tagged(new Tagged(18, item))),
    whole("self-described CBOR first", (item) => concatBytes(fromHex("d9d9f7"), tagged(item))),
    whole("three parts", (item) => tagged(item.slice(0, 3))),
    whole("five parts", (item) => tagged([...item, 0])),
    whole("a map of parts", (item) => tagged(new Map(item.entries()))),
    whole("an array of indefinite length", (item) =>
      concatBytes(fromHex("d29f"), ...item.map(cbor), fromHex("ff")),
    ),
    whole("trailing byte", (item) => concatBytes(tagged(item), ZERO)),
    whole("truncated", (item) => tagged(item).slice(0, -1)),
    whole("nothing", () => new Uint8Array()),
    whole("protected header is a map", ([, ...rest]) => tagged([header, ...rest])),
    whole("payload is detached", (item) => tagged(item.with(2, null))),
    whole("payload is a map", (item) => tagged(item.with(2, new Map()))),
    ["kid in the unprotected header", seal({ unprotected: new Map([[4, kid]]) }), "malformed"],
    ["unprotected header is an array", seal({ unprotected: [] }), "malformed"],
  ];
}

function badHeader(by: Forge, algorithm: Algorithm): readonly Bad[] {
  const { seal, alg, otherAlg, kid, header, headerWith, headerWithout } = by;
  const [first, second, third] = [...header].map((entry) => concatBytes(...entry.map(cbor)));
  const map = (...members: (Uint8Array | undefined)[]) =>
    concatBytes(Uint8Array.of(0xa0 + members.length), ...members.map((member) => member ?? ZERO));
  const given = (name: string, changed: Header | Uint8Array, error: ProtocolErrorCode = "malformed"): Bad => [
    name,
    seal({ header: changed }),
    error,
  ];
  return [
    given("protected header is empty", new Uint8Array()),
    given("protected header is an array", cbor([alg, kid, TYP])),
    given("protected header with a trailing byte", concatBytes(cbor(header), ZERO)),
    given("protected header out of order", map(second, first, third)),
    given("protected header with alg twice", map(first, first, second, third)),
    given("no alg", headerWithout(1)),
    given("no kid", headerWithout(4)),
    given("no typ", headerWithout(16)),
    given("content type in place of typ", new Map([...headerWithout(16), [3, TYP]]), "unknown-type"),
    given("content type too", headerWith(3, 60)),
    given("a private header parameter too", headerWith(-70_000, 1)),
    given("crit too", headerWith(2, [16])),
    given("alg is a text", headerWith(1, algorithm)),
    given("alg that we do not have: ES512", headerWith(1, -36)),
    given("alg for MAC: HMAC 256/256", headerWith(1, 5)),
    given("alg of the other key type", headerWith(1, otherAlg), "wrong-key"),
    given("kid of 7 bytes", headerWith(4, kid.slice(1))),
    given("kid of 9 bytes", headerWith(4, concatBytes(kid, ZERO))),
    given("kid is a text", headerWith(4, "12345678")),
    given("kid of nobody", headerWith(4, new Uint8Array(8)), "wrong-key"),
    given("typ is a text", headerWith(16, "directive"), "unknown-type"),
    given("typ 65000", headerWith(16, 65_000), "unknown-type"),
    given("typ 65536", headerWith(16, 65_536), "unknown-type"),
    given("typ less 65000", headerWith(16, TYP - 65_000), "unknown-type"),
    given("typ that nothing has", headerWith(16, 65_099), "unknown-type"),
  ];
}

function badSigner(by: Forge): readonly Bad[] {
  const { seal, keys, headerWith, otherAlg, withS } = by;
  const named = (key: PrivateKey) => headerWith(4, kidOf(key));
  const given = (name: string, signature: (of: Uint8Array) => unknown, error: ProtocolErrorCode): Bad => [
    name,
    seal({ signature }),
    error,
  ];
  const renamed = seal({ whole: ([, ...rest]) => tagged([cbor(headerWith(16, RELEASE_TYP)), ...rest]) });
  const altered = seal({ whole: (item) => tagged(item.with(2, flipped(PAYLOAD.length - 1)(PAYLOAD))) });
  const ofOtherType = seal({ key: keys.other, header: headerWith(1, otherAlg) });
  return [
    ["kid of the other key of the role", seal({ header: named(keys.hold2) }), "bad-signature"],
    ["key of another role", seal({ key: keys.release, header: named(keys.release) }), "wrong-key"],
    ["key of another role under the kid of this one", seal({ key: keys.release }), "bad-signature"],
    ["key of another type under the kid of this one", ofOtherType, "wrong-key"],
    ["opened as a release", seal(), "unknown-type", { message: "release" }],
    ["renamed to a release", renamed, "bad-signature", { message: "release" }],
    ["signed for another fleet", seal({ fleetId: OTHER_FLEET }), "bad-signature"],
    ["opened in another fleet", seal(), "bad-signature", { fleetId: { hex: toHex(OTHER_FLEET) } }],
    ["a bit of the payload", altered, "bad-signature"],
    given("a bit of R", flipped(5), "bad-signature"),
    given("a bit of S", flipped(40), "bad-signature"),
    given("signature of zeros", () => new Uint8Array(64), "bad-signature"),
    given(
      "S beyond the order",
      withS((s, order) => s + order),
      "bad-signature",
    ),
    given("R and S swapped", (of) => concatBytes(of.slice(32), of.slice(0, 32)), "bad-signature"),
    given("signature of 63 bytes", (of) => of.slice(1), "malformed"),
    given("signature of 65 bytes", (of) => concatBytes(of, ZERO), "malformed"),
    given("signature is a text", (of) => toHex(of).slice(64), "malformed"),
  ];
}

function badPayload({ seal }: Forge): readonly Bad[] {
  return [
    ["payload is empty", seal({ payload: new Uint8Array() }), "malformed"],
    ["payload is an array", seal({ payload: cbor([1, 2]) }), "malformed"],
    ["payload out of order", seal({ payload: fromHex("a202000101") }), "malformed"],
    ["payload of a later version: a new key", seal({ payload: payloadWith(12, 1) }), "unknown-key"],
    ["payload of a later version: a new level", seal({ payload: payloadWith(3, 5) }), "out-of-range"],
  ];
}

function vector(
  name: string,
  bytes: Uint8Array,
  want: EnvelopeVector["want"],
  { keys }: Forge,
  rest: Rest = {},
): EnvelopeVector {
  const signers = [keys.hold, keys.hold2].map(({ algorithm, ...key }) => ({
    algorithm,
    publicKey: { hex: toHex(nobleCrypto.publicKey({ algorithm, ...key }).bytes) },
  }));
  const opened = { message: "directive", fleetId: { hex: toHex(FLEET) }, keys: signers };
  return { name, hex: toHex(bytes), diag: diag(bytes), ...opened, want, ...rest };
}

function signerOf({ algorithm, secret }: PrivateKey): Rest {
  return { signer: { algorithm, secret: { hex: toHex(secret) } } };
}

function flipped(at: number) {
  return (bytes: Uint8Array) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

function payloadWith(key: number, item: unknown): Uint8Array {
  return cbor(new Map([...(decodeForCddl(PAYLOAD) as Header), [key, item]]));
}

/**
 * Envelopes, good and bad, for both algorithms. They are put together here from RFC 9052 and cborg, not by
 * protocol/envelope.ts, so that the two are held against each other. Keys are made for this and sign nothing else.
 */
import { encode, rfc8949EncodeOptions, Tagged } from "cborg";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { concatBytes, fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PrivateKey, PublicKey } from "../../protocol/crypto.js";
import { COSE_ALGORITHMS } from "../../protocol/envelope.js";
import { Directive } from "../../protocol/directive.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { testKey } from "../x509/helpers.js";
import { diag } from "./diag.js";
import { examples, filled } from "./examples.js";
import { type EnvelopeVector, toJson } from "./json.js";

const FLEET = filled("fleet", 16);
const OTHER_FLEET = filled("other fleet", 16);
const value = examples.directive.usual!;
const PAYLOAD = Directive.encode(value);
const TYP = 65_000 + Directive.type;
/** n of P-256 (SEC 2 §2.4.2), and L of Ed25519 (RFC 8032 §5.1). */
const ORDER = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  Ed25519: 2n ** 252n + 27742317777372353535851937790883648493n,
};

const cbor = (item: unknown) => encode(item, rfc8949EncodeOptions);
const publicOf = (key: PrivateKey) => nobleCrypto.publicKey(key);
const kidOf = (key: PublicKey) => nobleCrypto.sha256(key.bytes).slice(0, 8);

/** What can be different about an envelope. */
interface Parts {
  readonly key: PrivateKey;
  readonly header: ReadonlyMap<unknown, unknown> | Uint8Array;
  readonly unprotected: unknown;
  readonly payload: Uint8Array;
  readonly fleetId: Uint8Array;
  /** Of the 64 bytes that were signed. */
  readonly signature: (signature: Uint8Array) => unknown;
  /** The four parts, once signed. */
  readonly whole: (item: readonly unknown[]) => Uint8Array;
}

export function envelopeVectors(): readonly EnvelopeVector[] {
  return (["ES256", "Ed25519"] as const).flatMap(vectorsFor);
}

function vectorsFor(algorithm: Algorithm): readonly EnvelopeVector[] {
  const other: Algorithm = algorithm === "ES256" ? "Ed25519" : "ES256";
  const keys = {
    hold: testKey(algorithm, "vectors hold", nobleCrypto),
    hold2: testKey(algorithm, "vectors hold 2", nobleCrypto),
    release: testKey(algorithm, "vectors release", nobleCrypto),
    other: testKey(other, "vectors other", nobleCrypto),
  };
  const alg = COSE_ALGORITHMS[algorithm];
  const kid = kidOf(publicOf(keys.hold));
  const header = new Map<unknown, unknown>([[1, alg], [4, kid], [16, TYP]]); // prettier-ignore
  const headerWith = (key: unknown, item: unknown) => new Map([...header, [key, item]]);
  const headerWithout = (key: number) => new Map([...header].filter(([name]) => name !== key));

  const seal = (change: Partial<Parts> = {}): Uint8Array => {
    const parts: Parts = {
      key: keys.hold,
      header,
      unprotected: new Map(),
      payload: PAYLOAD,
      fleetId: FLEET,
      signature: (signature) => signature,
      whole: (item) => cbor(new Tagged(18, item)),
      ...change,
    };
    const bodyProtected = parts.header instanceof Uint8Array ? parts.header : cbor(parts.header);
    const externalData = concatBytes(utf8("daymark/1"), parts.fleetId);
    const toBeSigned = cbor(["Signature1", bodyProtected, externalData, parts.payload]); // RFC 9052 §4.4
    const signature = parts.signature(nobleCrypto.sign(parts.key, toBeSigned));
    return parts.whole([bodyProtected, parts.unprotected, parts.payload, signature]);
  };
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const lastByte = PAYLOAD.length - 1; // of the time: still a directive

  const vector = (
    name: string,
    bytes: Uint8Array,
    want: EnvelopeVector["want"],
    rest: Partial<EnvelopeVector> = {},
  ): EnvelopeVector => ({
    name: `${algorithm}: ${name}`,
    hex: toHex(bytes),
    diag: diag(bytes),
    message: "directive",
    fleetId: { hex: toHex(FLEET) },
    keys: [keys.hold, keys.hold2].map((key) => ({
      algorithm: key.algorithm,
      publicKey: { hex: toHex(publicOf(key).bytes) },
    })),
    want,
    ...rest,
  });
  const signerOf = (key: PrivateKey) => ({
    signer: { algorithm: key.algorithm, secret: { hex: toHex(key.secret) } },
  });
  const good = [
    vector("a directive", seal(), toJson(value), signerOf(keys.hold)),
    vector(
      "signed with the second key of the role",
      seal({ key: keys.hold2, header: headerWith(4, kidOf(publicOf(keys.hold2))) }),
      toJson(value),
      signerOf(keys.hold2),
    ),
    vector("an extension in the payload", seal({ payload: withExtension() }), toJson(value), {
      oneWay: true,
    }),
    ...(algorithm === "ES256"
      ? [vector("S in the upper half", seal({ signature: withUpperS }), toJson(value), { oneWay: true })]
      : []),
  ];

  type Bad = readonly [
    name: string,
    bytes: Uint8Array,
    error: ProtocolErrorCode,
    rest?: Partial<EnvelopeVector>,
  ];
  const bad: readonly Bad[] = [
    ["no tag", seal({ whole: (item) => cbor(item) }), "malformed"],
    ["tag 17", seal({ whole: (item) => cbor(new Tagged(17, item)) }), "malformed"],
    ["tag 98, COSE_Sign", seal({ whole: (item) => cbor(new Tagged(98, item)) }), "malformed"],
    ["tag 18 in long form", seal({ whole: (item) => concatBytes(fromHex("d812"), cbor(item)) }), "malformed"],
    ["tag 18 twice", seal({ whole: (item) => cbor(new Tagged(18, new Tagged(18, item))) }), "malformed"],
    ["self-described CBOR first", seal({ whole: (item) => concatBytes(fromHex("d9d9f7"), cbor(new Tagged(18, item))) }), "malformed"], // prettier-ignore
    ["three parts", seal({ whole: ([a, b, c]) => cbor(new Tagged(18, [a, b, c])) }), "malformed"],
    ["five parts", seal({ whole: (item) => cbor(new Tagged(18, [...item, 0])) }), "malformed"],
    ["a map of parts", seal({ whole: (item) => cbor(new Tagged(18, new Map(item.entries()))) }), "malformed"],
    ["array of indefinite length", seal({ whole: (item) => concatBytes(fromHex("d29f"), ...item.map(cbor), fromHex("ff")) }), "malformed"], // prettier-ignore
    ["trailing byte", concatBytes(seal(), Uint8Array.of(0)), "malformed"],
    ["truncated", seal().slice(0, -1), "malformed"],
    ["nothing", new Uint8Array(), "malformed"],
    ["kid in the unprotected header", seal({ unprotected: new Map([[4, kid]]) }), "malformed"],
    ["unprotected header is an array", seal({ unprotected: [] }), "malformed"],
    ["protected header is a map", seal({ whole: ([, ...rest]) => cbor(new Tagged(18, [header, ...rest])) }), "malformed"], // prettier-ignore
    ["protected header is empty", seal({ header: new Uint8Array() }), "malformed"],
    ["protected header is an array", seal({ header: cbor([alg, kid, TYP]) }), "malformed"],
    ["protected header with a trailing byte", seal({ header: concatBytes(cbor(header), Uint8Array.of(0)) }), "malformed"], // prettier-ignore
    ["protected header out of order", seal({ header: outOfOrder() }), "malformed"],
    ["protected header with alg twice", seal({ header: algTwice() }), "malformed"],
    ["no alg", seal({ header: headerWithout(1) }), "malformed"],
    ["no kid", seal({ header: headerWithout(4) }), "malformed"],
    ["no typ", seal({ header: headerWithout(16) }), "malformed"],
    ["content type in place of typ", seal({ header: new Map([...headerWithout(16), [3, TYP]]) }), "unknown-type"], // prettier-ignore
    ["content type too", seal({ header: headerWith(3, 60) }), "malformed"],
    ["a private header parameter too", seal({ header: headerWith(-70_000, 1) }), "malformed"],
    ["crit too", seal({ header: headerWith(2, [16]) }), "malformed"],
    ["alg is a text", seal({ header: headerWith(1, algorithm) }), "malformed"],
    ["alg that we do not have: ES512", seal({ header: headerWith(1, -36) }), "malformed"],
    ["alg for MAC: HMAC 256/256", seal({ header: headerWith(1, 5) }), "malformed"],
    ["alg of the other key type", seal({ header: headerWith(1, COSE_ALGORITHMS[other]) }), "wrong-key"],
    ["kid of 7 bytes", seal({ header: headerWith(4, kid.slice(1)) }), "malformed"],
    ["kid of 9 bytes", seal({ header: headerWith(4, concatBytes(kid, Uint8Array.of(0))) }), "malformed"],
    ["kid is a text", seal({ header: headerWith(4, toHex(kid).slice(8)) }), "malformed"],
    ["kid of nobody", seal({ header: headerWith(4, new Uint8Array(8)) }), "wrong-key"],
    ["kid of the other key of the role", seal({ header: headerWith(4, kidOf(publicOf(keys.hold2))) }), "bad-signature"], // prettier-ignore
    ["signed by a key of another role", seal({ key: keys.release, header: headerWith(4, kidOf(publicOf(keys.release))) }), "wrong-key"], // prettier-ignore
    [
      "signed by a key of another role under the kid of this one",
      seal({ key: keys.release }),
      "bad-signature",
    ],
    ["signed by a key of another type under the kid of this one", seal({ key: keys.other, header: headerWith(1, COSE_ALGORITHMS[other]) }), "wrong-key"], // prettier-ignore
    ["typ is a text", seal({ header: headerWith(16, "directive") }), "unknown-type"],
    ["typ 65000", seal({ header: headerWith(16, 65_000) }), "unknown-type"],
    ["typ 65536", seal({ header: headerWith(16, 65_536) }), "unknown-type"],
    ["typ 3", seal({ header: headerWith(16, Directive.type) }), "unknown-type"],
    ["typ that nothing has", seal({ header: headerWith(16, 65_099) }), "unknown-type"],
    ["opened as a release", seal(), "unknown-type", { message: "release" }],
    ["renamed to a release", renamed(65_004), "bad-signature", { message: "release" }],
    ["signed for another fleet", seal({ fleetId: OTHER_FLEET }), "bad-signature"],
    ["opened in another fleet", seal(), "bad-signature", { fleetId: { hex: toHex(OTHER_FLEET) } }],
    ["a bit of the signature", seal({ signature: (signature) => flipped(signature, 5) }), "bad-signature"],
    ["a bit of S", seal({ signature: (signature) => flipped(signature, 40) }), "bad-signature"],
    ["a bit of the payload", seal({ whole: ([a, b, c, d]) => cbor(new Tagged(18, [a, b, flipped(c as Uint8Array, lastByte), d])) }), "bad-signature"], // prettier-ignore
    ["signature of zeros", seal({ signature: () => new Uint8Array(64) }), "bad-signature"],
    ["S beyond the order", seal({ signature: (signature) => withS(signature, (s) => s + ORDER[algorithm]) }), "bad-signature"], // prettier-ignore
    ["halves of the signature swapped", seal({ signature: (signature) => concatBytes(signature.slice(32), signature.slice(0, 32)) }), "bad-signature"], // prettier-ignore
    ["signature of 63 bytes", seal({ signature: (signature) => signature.slice(1) }), "malformed"],
    ["signature of 65 bytes", seal({ signature: (signature) => concatBytes(signature, Uint8Array.of(0)) }), "malformed"], // prettier-ignore
    ["signature is a text", seal({ signature: (signature) => toHex(signature).slice(64) }), "malformed"],
    [
      "detached payload",
      seal({ whole: ([a, b, , d]) => cbor(new Tagged(18, [a, b, null, d])) }),
      "malformed",
    ],
    ["payload is a map", seal({ whole: ([a, b, , d]) => cbor(new Tagged(18, [a, b, new Map(), d])) }), "malformed"], // prettier-ignore
    ["payload is empty", seal({ payload: new Uint8Array() }), "malformed"],
    [
      "payload out of order",
      seal({ payload: fromHex("a202820101 01011267".replaceAll(" ", "")) }),
      "malformed",
    ],
    ["payload of a later version: a new key", seal({ payload: laterKey() }), "unknown-key"],
    ["payload of a later version: a new level", seal({ payload: laterLevel() }), "out-of-range"],
  ];
  return [...good, ...bad.map(([name, bytes, error, rest]) => vector(name, bytes, { error }, rest))];

  function outOfOrder(): Uint8Array {
    const [first, second, third] = [...header].map(([name, item]) => concatBytes(cbor(name), cbor(item)));
    return concatBytes(Uint8Array.of(0xa3), second!, first!, third!);
  }
  function algTwice(): Uint8Array {
    const members = [[1, alg], ...header].map(([name, item]) => concatBytes(cbor(name), cbor(item)));
    return concatBytes(Uint8Array.of(0xa4), ...members);
  }
  function renamed(typ: number): Uint8Array {
    return seal({ whole: ([, ...rest]) => cbor(new Tagged(18, [cbor(headerWith(16, typ)), ...rest])) });
  }
  function withUpperS(signature: Uint8Array): Uint8Array {
    return withS(signature, (s) => (s > ORDER.ES256 / 2n ? s : ORDER.ES256 - s));
  }
  /** S is big-endian in ECDSA (RFC 9053 §2.1) and little-endian in Ed25519 (RFC 8032 §5.1.6). */
  function withS(signature: Uint8Array, change: (s: bigint) => bigint): Uint8Array {
    const half = signature.slice(32);
    const s = BigInt(`0x${toHex(algorithm === "ES256" ? half : half.toReversed())}`);
    const changed = fromHex((change(s) % 2n ** 256n).toString(16).padStart(64, "0"));
    return concatBytes(signature.slice(0, 32), algorithm === "ES256" ? changed : changed.toReversed());
  }
}

const payloadWith = (key: number, item: unknown) => cbor(new Map([...payloadMap(), [key, item]]));

function payloadMap(): ReadonlyMap<number, unknown> {
  const { subject, version, reason, lowestGeneration, issuedAt } = value;
  return new Map<number, unknown>([[1, subject], [2, version], [3, 3], [4, reason], [5, lowestGeneration], [6, issuedAt]]); // prettier-ignore
}

function withExtension(): Uint8Array {
  return payloadWith(64, new Map([[1, "later"]]));
}

function laterKey(): Uint8Array {
  return payloadWith(7, 1);
}

function laterLevel(): Uint8Array {
  return payloadWith(3, 5);
}

/** What a device carries for others: what it takes, what stays, and what a liar can do to it. */
import { describe, expect, test } from "vitest";
import { PeerBag } from "../../device/peer-bag.js";
import { Shelf } from "../../device/shelf.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { type CborValue, encodeCbor } from "../../protocol/codec.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt } from "../../protocol/sync.js";
import { Owner, softSigner } from "./owner.js";

const CARRIER = 1;
const fleet = new Owner();
const stranger = new Owner();
const emptyBag = () => new PeerBag(CARRIER, nodeCrypto);
const nobody = softSigner();

/** Signed by nobody that a fleet knows: a bag cannot tell. */
function receipt(subject: number, counter: number): Uint8Array {
  const vector = { authority: { version: 1, hash: new Uint8Array(8) }, level: "none" } as const;
  return sealEnvelope(Receipt, { subject, counter, holds: vector }, nobody, fleet.trust.fleetId, nodeCrypto);
}

/** A directive as a later protocol may have it: the core, and what nobody can read yet. */
function laterDirective(subject: number, n: number): Uint8Array {
  const later: Message<null> = {
    ...Directive,
    encode: () =>
      encodeCbor(
        new Map<number, CborValue>([
          [1, subject],
          [2, [1, n]],
          [63, "later"],
        ]),
      ),
    decode: () => null,
  };
  return sealEnvelope(later, null, fleet.keys.hold, fleet.trust.fleetId, nodeCrypto);
}

describe("mail", () => {
  test("the newest of each kind and number stays, whatever the order", () => {
    const [old, young, other] = [
      fleet.directive(2, 3, "observe"),
      fleet.directive(2, 5, "none"),
      fleet.directive(3, 1, "none"),
    ];
    const release = fleet.release(2, 4, "none");
    const bag = emptyBag();
    for (const document of [young, old, release, other, young]) bag.takeMail(document, fleet.trust);
    expect(bag.mail()).toEqual([young, release, other]);
  });

  test("a directive of a later protocol is carried to who may understand it", () => {
    const bag = emptyBag();
    const later = laterDirective(2, 9);
    bag.takeMail(later, fleet.trust);
    expect(bag.mail()).toEqual([later]);
  });

  test.each<[string, Uint8Array, ProtocolErrorCode]>([
    ["of another fleet", stranger.directive(2, 1, "isolate"), "wrong-key"],
    ["signed by another role", fleet.seal(Directive, directive(2), "lease"), "wrong-key"],
    ["with another content than was signed", fleet.directive(2, 1, "isolate").fill(0, -8), "bad-signature"],
    ["for the carrier itself", fleet.directive(CARRIER, 1, "isolate"), "unknown-type"],
    ["for all", fleet.beacon(1), "unknown-type"],
    ["a receipt", receipt(2, 1), "unknown-type"],
    ["no envelope", Uint8Array.of(0x82, 1, 2), "unknown-type"],
    ["of an earlier term", fleet.directive(2, 1, "isolate", { version: [0, 9] }), "out-of-range"],
    ["of a term to come", fleet.directive(2, 1, "isolate", { version: [9, 1] }), "out-of-range"],
  ])("refused: %s", (_, document, code) => {
    const bag = emptyBag();
    expect(() => bag.takeMail(document, fleet.trust)).toThrow(expect.objectContaining({ code }) as Error);
    expect(bag.items()).toEqual([]);
  });

  test("P11: at most 64 documents; those that came first go", () => {
    const bag = emptyBag();
    const documents = Array.from({ length: 70 }, (_, i) => fleet.directive(100 + i, 1, "none"));
    for (const document of documents) bag.takeMail(document, fleet.trust);
    expect(bag.mail()).toEqual(documents.slice(6));
  });

  test("one that is renewed is the last to go", () => {
    const bag = emptyBag();
    const documents = Array.from({ length: 64 }, (_, i) => fleet.directive(100 + i, 1, "none"));
    for (const document of documents) bag.takeMail(document, fleet.trust);
    const renewed = fleet.directive(100, 2, "none");
    for (const document of [renewed, fleet.directive(99, 1, "none")]) bag.takeMail(document, fleet.trust);
    expect(bag.mail()).toHaveLength(64);
    expect(bag.mail()).toContainEqual(renewed);
    expect(bag.mail()).not.toContainEqual(documents[1]);
  });
});

/** Whose receipts are carried, and their counters. */
function carried(bag: PeerBag): readonly (readonly [subject: number, counter: number])[] {
  return bag.receipts().map((bytes) => {
    const { subject, counter } = Receipt.decode(parseEnvelope(bytes).payload);
    return [subject, counter] as const;
  });
}

describe("receipts", () => {
  test("the newest of each device stays, whatever the order", () => {
    const bag = emptyBag();
    for (const [subject, counter] of [
      [2, 7],
      [3, 1],
      [2, 6],
      [2, 7],
    ] as const)
      bag.takeReceipt(receipt(subject, counter), 4);
    expect(carried(bag)).toEqual([
      [2, 7],
      [3, 1],
    ]);
  });

  test("a false one with the highest counter gives way to what the device itself brings", () => {
    const bag = emptyBag();
    bag.takeReceipt(receipt(2, Number.MAX_SAFE_INTEGER), 4);
    bag.takeReceipt(receipt(2, 8), 4);
    expect(carried(bag)).toEqual([[2, Number.MAX_SAFE_INTEGER]]);
    bag.takeReceipt(receipt(2, 8), 2);
    expect(carried(bag)).toEqual([[2, 8]]);
  });

  test("its own, brought back, is not carried", () => {
    const bag = emptyBag();
    bag.takeReceipt(receipt(CARRIER, 3), 2);
    expect(bag.items()).toEqual([]);
  });

  test("what is no receipt is refused", () => {
    const bag = emptyBag();
    const code = (found: ProtocolErrorCode) => expect.objectContaining({ code: found }) as Error;
    expect(() => bag.takeReceipt(fleet.directive(2, 1, "none"), 2)).toThrow(code("unknown-type"));
    expect(() => bag.takeReceipt(receipt(2, 1).fill(0xff, -68, -66), 2)).toThrow(code("malformed"));
    expect(() => bag.takeReceipt(Uint8Array.of(0x82, 1, 2), 2)).toThrow(code("malformed"));
  });

  test("P11: a flood of them leaves 128, and all the mail", () => {
    const bag = emptyBag();
    const mail = fleet.directive(2, 1, "isolate");
    bag.takeMail(mail, fleet.trust);
    for (let subject = 10; subject < 150; subject++) bag.takeReceipt(receipt(subject, 1), 4);
    expect(carried(bag).map(([subject]) => subject)).toEqual(Array.from({ length: 128 }, (_, i) => 22 + i));
    expect(bag.items()[0]).toEqual(mail);
  });
});

test("P11: a shelf keeps to its bytes, and what is larger than all of it does not empty it", () => {
  const shelf = new Shelf<number>({ items: 10, bytes: 100 });
  for (const [key, size] of [
    ["a", 40],
    ["b", 40],
    ["a", 20],
    ["c", 40],
    ["d", 40],
    ["e", 101],
  ] as const)
    shelf.put(key, new Uint8Array(size), size);
  expect(shelf.items().map(({ length }) => length)).toEqual([20, 40, 40]);
  expect(shelf.about("b")).toBeUndefined();
  shelf.put("f", new Uint8Array(100), 1);
  expect(shelf.items()).toHaveLength(1);
});

function directive(subject: number): Directive {
  return { subject, version: [1, 1], level: "isolate", reason: "", lowestGeneration: 1, issuedAt: 1 };
}

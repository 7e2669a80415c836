/** Two devices and a socket between them: what each has afterwards, whatever comes over it. */
import { afterEach, describe, expect, test } from "vitest";
import type { Advisory } from "../../protocol/advisory.js";
import { concatBytes, equalBytes } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { encodeFrame, frameType } from "../../protocol/frame.js";
import { encodeContent } from "../../protocol/ledger/content.js";
import { RoleNotice } from "../../protocol/notice.js";
import { PeerEnd } from "../../protocol/peer.js";
import { Receipt } from "../../protocol/sync.js";
import type { HeldVector } from "../../protocol/vector.js";
import { compareVersions, NO_VERSION } from "../../protocol/version.js";
import { until } from "../stories/harbor.js";
import {
  type Afloat,
  afloat,
  end,
  exchange,
  give,
  hearing,
  hello,
  holds,
  meet,
  PEER,
  refusals,
  sinkAll,
  sockets,
  speech,
} from "./meeting.js";
import { Owner, softSigner } from "./owner.js";

afterEach(sinkAll);

const fleet = new Owner();
const stranger = new Owner();
const FEW = [3, 900, 70_000];
/** A few thousand bytes of ledger: enough to come in several parts. */
const MANY = Array.from({ length: 3_000 }, (_, i) => 11 + i * 97 + ((i * i) % 89));
const PART_BYTES = 975;
const everyone: Advisory = { id: 1, match: { op: "everything" }, level: "observe", reason: "" };

/** The Beacon of an epoch, and the whole ledger behind it. */
function ledger(epoch: number, denied: readonly number[], owner = fleet): readonly Uint8Array[] {
  const to = [owner.terms.ledger, epoch] as const;
  owner.denied = denied;
  const { length } = encodeContent({ denied, generations: new Map() });
  const parts = Array.from({ length: Math.ceil(length / PART_BYTES) }, (_, i) =>
    owner.ledgerPart({ to, offset: i * PART_BYTES, maxPartBytes: PART_BYTES }),
  );
  return [owner.beacon(epoch, {}, denied), ...parts];
}

/** All that a fleet tells everyone. */
const news = (epoch = 5, denied: readonly number[] = FEW) => [
  ...ledger(epoch, denied),
  fleet.advisories(2, [everyone]),
  fleet.removal(1, [9]),
];

/** The next Authority, with new keys for `hold` and `ledger`. */
function rekeyed(owner: Owner): Uint8Array {
  const [hold, ledgerKey] = [softSigner(), softSigner()];
  const held = (by: Signer) => ({ keys: [by.publicKey], threshold: 1 });
  return owner.rotate({ roles: { hold: held(hold), ledger: held(ledgerKey) } }, { hold, ledger: ledgerKey });
}

/** What concerns everyone, so that two devices can be compared. */
function shared({ authority, ledger, advisories, removals }: HeldVector) {
  return { authority, ledger, advisories, removals };
}

/** True when no version in `after` is older than in `before`. */
function grewFrom(before: HeldVector, after: HeldVector): boolean {
  const kinds = ["ledger", "advisories", "removals", "directive", "release"] as const;
  const older = kinds.filter(
    (kind) => compareVersions(after[kind]?.version ?? NO_VERSION, before[kind]?.version ?? NO_VERSION) < 0,
  );
  return older.length === 0 && after.authority.version >= before.authority.version;
}

/** What was said between hello and the first end. */
function documentsIn(said: readonly Uint8Array[]): readonly Uint8Array[] {
  const ended = said.findIndex((item) => !looksSigned(item) && frameType(item) === PeerEnd.type);
  return said.slice(1, ended);
}

const receiptOf = ({ device }: Afloat) => device.receipt();
const contains = (items: readonly Uint8Array[], item: Uint8Array) => items.some((i) => equalBytes(i, item));

describe("P1: what one has, the other has afterwards", () => {
  test.each([
    ["a small ledger", FEW],
    ["a ledger in several parts", MANY],
    ["an empty ledger", []],
  ])("%s, lists and removals", async (_, denied) => {
    const [informed, behind] = [await afloat(1, fleet), await afloat(2, fleet)];
    await give(informed, news(5, denied));
    const [report, other] = await meet(informed, behind);
    expect(report).toEqual({ ended: "complete", peer: 2, refusedMail: [], leftOut: 0 });
    expect(other).toEqual({ ended: "complete", peer: 1, refusedMail: [], leftOut: 0 });
    expect(refusals(behind)).toEqual([]);
    expect(shared(await holds(behind))).toEqual(shared(await holds(informed)));
    expect((await holds(behind)).ledger?.version).toEqual([1, 5]);
    expect(behind.device.level).toBe("observe");
  });

  test("each is ahead in something", async () => {
    const [one, two] = [await afloat(1, fleet), await afloat(2, fleet)];
    await give(one, ledger(5, FEW));
    await give(two, [...ledger(4, MANY), fleet.advisories(2, [everyone])]);
    await meet(one, two);
    expect(shared(await holds(one))).toEqual(shared(await holds(two)));
    expect(await holds(one)).toMatchObject({ ledger: { version: [1, 5] }, advisories: { version: [1, 2] } });
  });

  test("links that a device missed, and what the new keys have signed", async () => {
    const rotating = new Owner();
    const [informed, behind] = [await afloat(1, rotating), await afloat(2, rotating)];
    const links = [1, 2, 3].map(() => rekeyed(rotating));
    await give(informed, [...links, ...ledger(5, FEW, rotating), rotating.advisories(2, [everyone])]);
    await meet(informed, behind);
    expect(shared(await holds(behind))).toEqual(shared(await holds(informed)));
    expect(await holds(behind)).toMatchObject({ authority: { version: 4 }, ledger: { version: [1, 5] } });
  });

  test("who missed more links than a device keeps is told which one is missing", async () => {
    const rotating = new Owner();
    const [informed, behind] = [await afloat(1, rotating), await afloat(2, rotating)];
    await give(
      informed,
      Array.from({ length: 6 }, () => rotating.rotate()),
    );
    const [, report] = await meet(informed, behind);
    expect(report.ended).toBe("complete");
    expect((await holds(behind)).authority.version).toBe(1);
    expect(behind.events).toContainEqual(
      expect.objectContaining({
        type: "refused",
        text: expect.stringContaining("authority link 2 is missing") as string,
      }),
    );
  });

  test("nothing is sent to who has it, and to who is ahead", async () => {
    const informed = await afloat(1, fleet);
    await give(informed, news());
    const same = await hearing(informed, speech(await holds(informed)));
    expect(documentsIn(same.said)).toEqual([]);
    const ahead = await afloat(2, fleet);
    await give(ahead, [...ledger(6, MANY), fleet.advisories(3, [everyone]), fleet.removal(2, [9])]);
    expect(documentsIn((await hearing(informed, speech(await holds(ahead)))).said)).toEqual([]);
  });

  test("P3: of one version with two contents each gets the other's, and both raise the alarm", async () => {
    const [one, two] = [await afloat(1, fleet), await afloat(2, fleet)];
    await give(one, ledger(5, FEW));
    await give(two, ledger(5, MANY));
    await meet(one, two);
    for (const { device } of [one, two]) expect(device.standing).toBe("isolate");
  });
});

describe("mail", () => {
  test("a device hands over what it carries for the one it meets, and nothing that is another's", async () => {
    const [carrier, held] = [await afloat(1, fleet), await afloat(2, fleet)];
    const { bag } = carrier;
    for (const n of [2, 3]) bag.takeMail(fleet.directive(n, 7, "isolate"), fleet.trust);
    bag.takeMail(fleet.release(2, 8, "isolate"), fleet.trust);
    await give(carrier, [fleet.directive(1, 4, "restrict")]);
    await meet(carrier, held);
    expect(held.device.standing).toBe("isolate");
    expect(await holds(held)).toMatchObject({ directive: { version: [1, 7] }, release: { version: [1, 8] } });
    expect(held.bag.mail()).toEqual([]);
    const { said } = await hearing(carrier, speech(await holds(held)));
    expect(documentsIn(said)).toEqual([]); // PEER is another number
  });

  test("P4: the receipt that comes back is of what is stored, and is carried on", async () => {
    const [carrier, held, third] = [await afloat(1, fleet), await afloat(2, fleet), await afloat(3, fleet)];
    carrier.bag.takeMail(fleet.directive(2, 7, "isolate"), fleet.trust);
    await meet(carrier, held);
    const [receipt] = carrier.bag.receipts();
    const told = Receipt.decode(parseEnvelope(receipt!).payload);
    expect(told).toMatchObject({ subject: 2, holds: { level: "isolate", directive: { version: [1, 7] } } });
    await meet(carrier, third);
    expect(contains(third.bag.receipts(), receipt!)).toBe(true);
    expect(third.bag.receipts()).toHaveLength(2);
    expect(carrier.bag.items()).toHaveLength(3);
  });

  test("documents for others that a peer brings are carried on, if they prove themselves", async () => {
    const carrier = await afloat(1, fleet);
    const [good, forged] = [fleet.directive(9, 1, "isolate"), stranger.directive(8, 1, "isolate")];
    const { report } = await hearing(carrier, speech(await holds(carrier), [good, forged]));
    expect(carrier.bag.mail()).toEqual([good]);
    expect(report).toMatchObject({ ended: "complete", refusedMail: [{ code: "wrong-key" }] });
  });

  test("mail is opened with the keys that links of the same exchange name", async () => {
    const rotating = new Owner();
    const carrier = await afloat(1, rotating);
    const before = await holds(carrier);
    const link = rekeyed(rotating);
    const mail = rotating.directive(9, 1, "isolate");
    await hearing(carrier, speech(before, [mail, link]));
    expect(carrier.bag.mail()).toEqual([mail]);
  });
});

describe("a peer that errs or lies", () => {
  test("what does not prove itself is refused, and the rest counts", async () => {
    const listener = await afloat(1, fleet);
    const directive = { subject: 1, level: "isolate", reason: "", lowestGeneration: 1, issuedAt: 1 } as const;
    const documents = [
      stranger.directive(1, 9, "isolate"),
      fleet.directive(1, 2, "restrict"),
      fleet.beacon(5, {}, FEW).fill(7, -9),
      fleet.seal(Directive, { ...directive, version: [1, 8] }, "lease"),
    ];
    const { report } = await hearing(listener, speech(await holds(listener), documents));
    expect(report.ended).toBe("complete");
    expect(refusals(listener)).toEqual(["wrong-key", "bad-signature", "wrong-key"]);
    expect(await holds(listener)).toMatchObject({ directive: { version: [1, 2] }, level: "restrict" });
  });

  test("P3: an older Beacon and its ledger, replayed, change nothing", async () => {
    const listener = await afloat(1, fleet);
    await give(listener, news(5, MANY));
    const before = await holds(listener);
    const replay = [...ledger(4, FEW), fleet.advisories(1, [everyone])];
    const { report } = await hearing(listener, speech(before, replay));
    expect(report.ended).toBe("complete");
    expect(await holds(listener)).toEqual(before);
  });

  test("a ledger that is not what the Beacon signs is not taken, and the next peer's is", async () => {
    const [listener, honest] = [await afloat(1, fleet), await afloat(2, fleet)];
    await give(listener, ledger(4, FEW));
    await give(honest, ledger(5, MANY));
    const before = await holds(listener);
    const [beacon] = ledger(5, MANY);
    const [, wrong] = ledger(5, FEW);
    await hearing(listener, speech(before, [beacon!, wrong!]));
    expect(await holds(listener)).toEqual(before);
    await meet(listener, honest);
    expect((await holds(listener)).ledger).toEqual((await holds(honest)).ledger);
  });

  test("P1: a peer of another fleet gets and gives nothing that counts", async () => {
    const [ours, theirs] = [await afloat(1, fleet), await afloat(2, stranger)];
    await give(ours, news());
    await give(theirs, [...ledger(9, FEW, stranger), stranger.advisories(9, [everyone])]);
    const before = [await holds(ours), await holds(theirs)];
    const reports = await meet(ours, theirs);
    expect(reports.map(({ ended }) => ended)).toEqual(["complete", "complete"]);
    expect([await holds(ours), await holds(theirs)]).toEqual(before);
    expect(new Set(refusals(ours))).toEqual(new Set(["wrong-key"]));
  });

  test("a notice or an error, which only a gateway gives, is refused", async () => {
    const listener = await afloat(1, fleet);
    const { report } = await hearing(
      listener,
      speech(await holds(listener), [
        encodeFrame(RoleNotice, { role: "device", reason: "ok", authority: 9 }),
      ]),
    );
    expect(report.ended).toBe("complete");
    expect(refusals(listener)).toEqual(["unknown-type"]);
  });
});

describe("P11: a peer that breaks the sequence ends the exchange, and what came before counts", () => {
  const good = fleet.directive(1, 2, "restrict");
  test.each<[string, (held: HeldVector, receipt: Uint8Array) => readonly Uint8Array[], string, string]>([
    ["documents before the hello", (held) => [good, hello(held)], "unknown-type", "none"],
    ["an end before the hello", (held) => [end("documents", 0), hello(held)], "unknown-type", "none"],
    ["an item too few", (held) => [hello(held), good, end("documents", 2)], "malformed", "restrict"],
    ["an item too many", (held) => [hello(held), good, end("documents", 0)], "malformed", "restrict"],
    ["the wrong end", (held) => [hello(held), good, end("receipts", 1)], "malformed", "restrict"],
    [
      "a document among the receipts",
      (held) => [...speech(held, [good]).slice(0, -1), good, end("receipts", 1)],
      "unknown-type",
      "restrict",
    ],
    [
      "a receipt that cannot be read",
      (held, receipt) => [
        ...speech(held, [good]).slice(0, -1),
        receipt.fill(0xff, -68, -66),
        end("receipts", 1),
      ],
      "malformed",
      "restrict",
    ],
    [
      "a receipt too few",
      (held, receipt) => [...speech(held, [good]).slice(0, -1), receipt, end("receipts", 2)],
      "malformed",
      "restrict",
    ],
  ])("%s", async (_, say, code, level) => {
    const [listener, other] = [await afloat(1, fleet), await afloat(2, fleet)];
    const { report } = await hearing(listener, say(await holds(listener), await receiptOf(other)));
    expect(report).toMatchObject({ ended: "refused", refusal: { code } });
    expect((await holds(listener)).level).toBe(level);
  });

  test("bytes that are no item", async () => {
    const listener = await afloat(1, fleet);
    const [near, far] = await sockets();
    const waiting = exchange(listener, near);
    far.write(concatBytes(hello(await holds(listener)), good));
    await until(() => listener.device.standing === "restrict", "the directive is obeyed");
    far.write(Uint8Array.of(0xff));
    expect(await waiting).toMatchObject({ ended: "refused", refusal: { code: "malformed" }, peer: PEER });
    expect((await holds(listener)).level).toBe("restrict");
  });

  test("what comes after the last end is not heard", async () => {
    const listener = await afloat(1, fleet);
    const { report } = await hearing(listener, [...speech(await holds(listener)), good]);
    expect(report.ended).toBe("complete");
    expect((await holds(listener)).level).toBe("none");
  });

  test("more bytes than it was told that this device takes", async () => {
    const listener = await afloat(1, fleet);
    const { report, said } = await hearing(listener, speech(await holds(listener), ledger(5, MANY)), 2_048);
    expect(report).toMatchObject({ ended: "refused", refusal: { code: "too-large" } });
    expect(said[0]).toEqual(hello(await holds(listener), { number: 1, maxBytes: 2_048 }));
  });
});

describe("P11: bounds", () => {
  test("no more is sent than the peer takes: documents first, of the ledger all or nothing", async () => {
    const informed = await afloat(1, fleet);
    const long = Array.from({ length: 20 }, (_, i) => ({ ...everyone, id: i + 1, reason: "r".repeat(64) }));
    await give(informed, [...ledger(5, MANY), fleet.advisories(2, long), fleet.removal(1, [9])]);
    const nothing = await holds(await afloat(2, fleet));
    const [, told, confirmed] = speech(nothing);
    const said = async (maxBytes: number) => {
      const { report, said } = await hearing(informed, [hello(nothing, { maxBytes }), told!, confirmed!]);
      expect(concatBytes(...said).length).toBeLessThanOrEqual(maxBytes);
      expect(report.ended).toBe("complete");
      return {
        left: report.leftOut,
        types: documentsIn(said).map((item) => (looksSigned(item) ? "signed" : "part")),
      };
    };
    const parts = ledger(5, MANY).length - 1;
    expect(parts).toBeGreaterThan(2);
    expect(await said(1_024)).toEqual({ left: parts + 1, types: ["signed", "signed"] }); // the list is too long
    expect(await said(3_072)).toEqual({ left: parts, types: ["signed", "signed", "signed"] });
    expect((await said(65_536)).types).toHaveLength(parts + 3);
    expect((await said(65_536)).left).toBe(0);
  });

  test("carried receipts that do not fit stay, and the own one goes first", async () => {
    const carrier = await afloat(1, fleet);
    const others = [2, 3, 4, 5, 6, 7, 8, 9].map(async (number) => receiptOf(await afloat(number, fleet)));
    for (const receipt of await Promise.all(others)) carrier.bag.takeReceipt(receipt, PEER);
    const [, told, confirmed] = speech(await holds(carrier));
    const small = hello(await holds(carrier), { maxBytes: 1_024 });
    const { report, said } = await hearing(carrier, [small, told!, confirmed!]);
    const receipts = said
      .filter((item) => looksSigned(item))
      .map((item) => Receipt.decode(parseEnvelope(item).payload));
    expect(receipts[0]?.subject).toBe(1);
    expect(report.leftOut).toBe(9 - receipts.length);
    expect(report.leftOut).toBeGreaterThan(0);
    expect(carrier.bag.receipts()).toHaveLength(8);
  });

  test("a peer that says nothing is given up", async () => {
    const listener = await afloat(1, fleet);
    const [near, far] = await sockets();
    const waiting = exchange(listener, near);
    far.once("data", () => listener.clock.advance(30_000)); // it has said its hello
    await until(() => near.destroyed, "it hangs up");
    expect((await waiting).ended).toBe("silent");
  });

  test("so is one that goes on for ever", async () => {
    const listener = await afloat(1, fleet);
    const [near, far] = await sockets();
    const waiting = exchange(listener, near);
    far.write(hello(await holds(listener)));
    const part = fleet.beacon(1);
    near.on("data", () => {
      listener.clock.advance(20_000);
      far.write(part);
    });
    expect(await waiting).toMatchObject({ ended: "silent", peer: PEER });
    expect((await holds(listener)).ledger?.version).toEqual([1, 1]);
  });

  test("a stream carries one exchange", async () => {
    const listener = await afloat(1, fleet);
    const [near, far] = await sockets();
    const first = exchange(listener, near);
    await expect(exchange(listener, near)).rejects.toThrow("one exchange");
    far.destroy();
    expect((await first).ended).toBe("closed");
  });

  test("a device that was stopped says so", async () => {
    const listener = await afloat(1, fleet);
    const vector = await holds(listener);
    await listener.device.close();
    await expect(hearing(listener, speech(vector))).rejects.toMatchObject({ code: "stopped" });
  });
});

/** All that a well informed device says to one that has nothing yet. */
async function recorded(): Promise<{ readonly bytes: Uint8Array; readonly informed: HeldVector }> {
  const informed = await afloat(1, fleet);
  await give(informed, news(5, FEW));
  const behind = await afloat(2, fleet);
  informed.bag.takeMail(fleet.directive(PEER, 3, "observe"), fleet.trust);
  const { said } = await hearing(informed, speech(await holds(behind)));
  return { bytes: concatBytes(...said), informed: await holds(informed) };
}

describe("P3: whatever the wire does, the vector never goes down and nothing unproven is obeyed", () => {
  /** What a device that held an older part of the news says it holds, after it heard this. */
  async function heard(bytes: Uint8Array, informed: HeldVector) {
    const listener = await afloat(PEER, fleet);
    await give(listener, news(4, MANY).slice(0, -1));
    const before = await holds(listener);
    const { report } = await hearing(listener, [bytes]);
    const after = await holds(listener);
    const fault =
      grewFrom(before, after) && grewFrom(after, { ...informed, directive: DIRECTIVE }) ? [] : [after];
    // The same version as the one that is signed has the same hash, or it was made up.
    for (const kind of ["ledger", "advisories", "removals"] as const) {
      const [a, b] = [after[kind], informed[kind]];
      if (a && b && compareVersions(a.version, b.version) === 0 && !equalBytes(a.hash, b.hash))
        fault.push(after);
    }
    return { fault, report, after };
  }
  const DIRECTIVE = { version: [1, 3], hash: new Uint8Array(8) } as const;

  test("unharmed, it all arrives", async () => {
    const { bytes, informed } = await recorded();
    const { fault, report, after } = await heard(bytes, informed);
    expect(fault).toEqual([]);
    expect(report.ended).toBe("complete");
    expect(shared(after)).toEqual(shared(informed));
    expect(after.directive?.version).toEqual([1, 3]);
  });

  test("cut off anywhere", async () => {
    const { bytes, informed } = await recorded();
    for (let length = 0; length < bytes.length; length += 41) {
      const { fault, report } = await heard(bytes.subarray(0, length), informed);
      expect({ length, fault, ended: report.ended }).toEqual({ length, fault: [], ended: "closed" });
    }
  });

  test("a bit flipped anywhere", async () => {
    const { bytes, informed } = await recorded();
    for (let at = 0; at < bytes.length; at += 29) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      const { fault } = await heard(flipped, informed);
      expect({ at, fault }).toEqual({ at, fault: [] });
    }
  });
});

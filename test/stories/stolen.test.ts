/**
 * A thief holds a key of the fleet, or all that its server has, and every carrier: what he hands over by hand
 * is what a gateway of his would send. The root keys, the operators' release keys and the transfer key are
 * elsewhere. He can raise, delay, and hide what is new; he lowers nothing (P13). The cure is in cured.test.ts.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { draftNext } from "../../fleet/ceremony-next.js";
import { fromBase64Url } from "../../fleet/events.js";
import type { FleetLink } from "../../fleet/link.js";
import { ownerIn } from "../../fleet/transfers.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Advisory } from "../../protocol/advisory.js";
import { Authority } from "../../protocol/authority.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { LEVELS } from "../../protocol/level.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { SyncReply, SyncRequest } from "../../protocol/sync.js";
import { NO_VERSION, type Version } from "../../protocol/version.js";
import type { Sailor } from "./aboard.js";
import { answerByHand, bring, handOver, questionOf } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { Pen } from "./pen.js";
import { entropy, softSigner } from "./soft-keys.js";
import { grantOf } from "./thief.js";

const peerPolicy = { reading: { maxLedgerAgeSeconds: 1e12, whenStale: "closed" } } as const;
const HIGHEST = Number.MAX_SAFE_INTEGER;
/** Newer ones, up to the highest there is; the newest itself; older ones; and those of other terms. */
const VERSIONS: readonly Version[] = [
  [1, 1_000],
  [1, 5],
  [1, 4],
  [1, 2],
  [0, HIGHEST],
  [2, 1],
  [HIGHEST, 1],
  [1, HIGHEST],
];

let harbor: Harbor;
/** What the thief's gateway answers to a sync; while there is none, the gateway is honest. */
let answer: ((asked: SyncRequest) => SyncReply) | undefined;
/** Isolated by a directive, and by an advisory; nothing else holds them. */
let held: Sailor;
let advised: Sailor;
/** Genuine, and overtaken by the directive that holds `held`, which never saw it. */
let oldRelease: Uint8Array;

/** Lets everyone in, passes nothing on, and answers each sync itself. */
const thievish = (link: FleetLink): FleetLink => ({
  ...link,
  handle: async (number, message) => {
    const isSync = looksSigned(message) && parseEnvelope(message).type === SyncRequest.type;
    if (!answer || !isSync) return link.handle(number, message);
    return [encodeFrame(SyncReply, answer(SyncRequest.decode(parseEnvelope(message).payload)))];
  },
  standing: (number) => {
    const standing = link.standing(number);
    return standing && answer ? { ...standing, level: "none" } : standing;
  },
});

beforeEach(async () => {
  answer = undefined;
  harbor = await Harbor.open({ production: true, peerPolicy, tamper: thievish });
  [held, advised] = [await harbor.working(), await harbor.working()];
  held.radio.switch(false);
  await harbor.hold([held.number], "restrict");
  await harbor.release([held.number]);
  oldRelease = newest("release-issued");
  await harbor.hold([held.number], "isolate");
  await handOver(held, newest("directive-issued"));
  const about = { kind: "advise", numbers: [], reason: "recalled" } as const;
  await harbor.act({ ...about, match: `number = ${advised.number}`, level: "observe" });
  await harbor.act({ ...about, match: `number = ${advised.number}`, level: "isolate" });
  await harbor.act({ kind: "unadvise", numbers: [], id: 1, reason: "mended" });
  await until(() => advised.device.standing === "isolate", "the advisory holds");
  advised.radio.switch(false);
});
afterEach(async () => {
  await harbor.close();
});

function newest(type: "release-issued" | "directive-issued" | "advisories-removed"): Uint8Array {
  const event = harbor.events.findLast((e) => e.type === type);
  return fromBase64Url(event?.signed ?? "");
}

const victims = () => [held, advised].map((sailor) => ({ sailor, pen: new Pen(harbor, sailor.number) }));

/** At no moment a level fell; and what holds them is what held them before, also after a restart. */
async function nothingFell(): Promise<void> {
  for (const { sailor } of victims()) {
    const isFall = (e: Sailor["events"][number]) => e.type === "level" && LEVELS[e.level] < LEVELS[e.before];
    expect(sailor.events.filter(isFall)).toEqual([]);
    await harbor.stop(sailor);
    await harbor.start(sailor, { wrap: (radio) => (radio.switch(false), radio) });
    expect(sailor.device.standing).toBe("isolate");
  }
  expect((await held.store.load())?.record.holds).toContainEqual({ version: [1, 4], level: "isolate" });
  expect((await advised.store.load())?.record.latched).toContainEqual({ term: 1, id: 2, level: "isolate" });
}

/** All that the hold key can sign to lower, to shrink the list, or to make nothing newer count. */
function byHoldKey(pen: Pen): readonly Uint8Array[] {
  const milder: Advisory = { id: 2, match: { op: "everything" }, level: "observe", reason: "" };
  return VERSIONS.flatMap((version) => [
    pen.list(version, []),
    pen.list(version, [milder]),
    pen.directive(version, "none"),
    pen.directive(version, "observe", { lowestGeneration: 0 }),
  ]);
}

/** What a device shows that it holds, demanded back: nothing stands in the way of such a lease. */
function demanded({ holds }: SyncRequest) {
  const { authority, ledger, advisories, removals, directive, release } = holds;
  return {
    authority: authority.version,
    ledger: ledger?.version ?? NO_VERSION,
    advisories: advisories?.version ?? NO_VERSION,
    removals: removals?.version ?? NO_VERSION,
    directive: directive?.version ?? NO_VERSION,
    release: release?.version ?? NO_VERSION,
    level: "none",
  } as const;
}

const always = { goodUntil: HIGHEST, nextSyncSeconds: 1 };

test("P13: a stolen hold key lowers no device, no advisory, and not the list", async () => {
  for (const { sailor, pen } of victims()) {
    await handOver(sailor, ...byHoldKey(pen));
    const { hold } = harbor.keys;
    await handOver(sailor, pen.release([1, 5], "none", {}, hold), pen.removal([1, 2], [1, 2], hold));
    // The fleet goes on to lease what it knows: nothing in it is the thief's.
    await handOver(sailor, ...(await bring(harbor.service, (await questionOf(sailor)).question)));
  }
  await nothingFell();
  expect([held, advised].map(({ device }) => device.standing)).toEqual(["isolate", "isolate"]);
});

test("P13: a stolen lease key frees nobody: not by an old genuine release, not by any lease", async () => {
  for (const { sailor, pen } of victims()) {
    for (const documents of [[], [oldRelease], [newest("advisories-removed")]])
      for (const release of [NO_VERSION, [1, 3], [1, 5], [1, HIGHEST]] as const)
        for (const removals of [NO_VERSION, [1, 1], [1, HIGHEST]] as const) {
          const time = [1, harbor.service.now()] as const;
          await answerByHand(sailor, (asked) => {
            const required = { ...demanded(asked), release, removals };
            return { documents, lease: pen.lease({ nonce: asked.nonce, time, ...always, required }) };
          });
        }
    await answerByHand(sailor, (asked) => {
      const lease = { nonce: asked.nonce, time: [1, HIGHEST], ...always, required: demanded(asked) } as const;
      return { documents: [], lease: pen.lease(lease) };
    });
    // What he gains is freshness: leases of his do count.
    expect(sailor.events.at(-1)).toEqual({ type: "leased", goodUntil: HIGHEST });
  }
  await nothingFell();
});

test("P13: a stolen ledger key changes whom peers deny, until they hear a newer Beacon, and no device's own standing", async () => {
  const peer = await harbor.working();
  const verdict = ({ device }: Sailor) =>
    peer.device.peerVerdict({ chain: device.tlsIdentity.chain }, "reading").verdict;
  await until(() => verdict(held) === "denied" && verdict(advised) === "denied", "the peer denies both");
  const forged = (pen: Pen, to: Version, denied: readonly number[], change = {}) => {
    const { beacon, content } = pen.beacon(to, denied, change);
    const part = { to, size: content.length, offset: 0, bytes: content };
    return [beacon, encodeFrame(LedgerPart, part)];
  };
  for (const { sailor, pen } of victims())
    for (const version of VERSIONS)
      await handOver(sailor, ...forged(pen, version, [], { authority: HIGHEST, removals: [1, HIGHEST] }));
  await nothingFell();

  peer.radio.switch(false);
  const pen = new Pen(harbor, peer.number);
  const { epoch } = harbor.service.view;
  await handOver(peer, ...forged(pen, [1, epoch + 1], [advised.number]));
  expect([verdict(held), verdict(advised)]).toEqual(["trusted", "denied"]); // what he can do
  await harbor.act({ kind: "advise", numbers: [], match: "number = 999", level: "observe", reason: "noise" });
  await harbor.act({ kind: "advise", numbers: [], match: "number = 998", level: "observe", reason: "noise" });
  peer.radio.switch(true);
  await until(() => verdict(held) === "denied", "a genuine newer Beacon ends it");
  expect(peer.device.standing).toBe("none");
  // Where the two meet at one epoch, the device finds the thief out.
  await handOver(peer, ...forged(pen, [1, epoch + 3], []));
  await harbor.act({ kind: "advise", numbers: [], match: "number = 997", level: "observe", reason: "noise" });
  await until(() => peer.device.standing === "isolate", "a fork isolates it");
});

test("P13: the whole online server, with a gateway of its own, frees nobody and says nothing in their names", async () => {
  const { operators, service } = harbor;
  const signers = Object.values(service.keys);
  const context = { crypto: nodeCrypto, entropy, now: service.now() };
  const own = { keys: [softSigner().publicKey], threshold: 1 };
  const none = { terms: [], timeBase: 0, cas: {}, keep: "all", replaceRoot: false } as const;
  const draft = draftNext(service.trust, { ...none, roles: { root: own, release: own } }, context);
  for (const { sailor, pen } of victims()) {
    const forgeries = [
      pen.seal(Authority, draft, ...signers.slice(0, 4)),
      ...signers.flatMap((by) => [pen.release([1, 5], "none", {}, by), pen.removal([1, 2], [1, 2], by)]),
      pen.release([1, 5], "none", {}, signers[0]!, signers[1]!),
      pen.release([1, 5], "none", {}, operators[0]!), // one of two
      pen.release([1, 5], "none", {}, operators[0]!, signers[0]!),
      pen.removal([1, 2], [1, 2], operators[1]!, signers[0]!),
    ];
    await handOver(sailor, ...forgeries);
    const refused = sailor.events.filter(({ type }) => type === "refused");
    expect(refused).toHaveLength(forgeries.length);
    answer = (asked) => {
      const time = [1, service.now()] as const;
      const required = { ...demanded(asked), release: sailor === held ? ([1, 3] as const) : NO_VERSION };
      const lease = pen.lease({ nonce: asked.nonce, time, ...always, required });
      const documents = [oldRelease, pen.beacon([1, 1_000], []).beacon, ...byHoldKey(pen).slice(0, 8)];
      return { nonce: asked.nonce, lease, documents };
    };
    const leases = () => sailor.events.filter(({ type }) => type === "leased").length;
    const before = leases();
    void sailor.device.publish("temperature", Uint8Array.of(1)).catch(() => undefined);
    sailor.radio.switch(true);
    await until(() => leases() > before, "it is connected to the thief, and has a lease of his");
    sailor.radio.switch(false);
  }
  await nothingFell();
  expect([...harbor.messagesFrom(held), ...harbor.messagesFrom(advised)]).toEqual([]);
});

test("P13: the whole online server gives no held device to a fleet of the thief's, who could free it there", async () => {
  const { keys, operators, service } = harbor;
  const thief = await Harbor.open();
  try {
    const signers = [...Object.values(service.keys), ...operators];
    const pairs = signers.map((by) => [by, signers[0]!] as const).slice(1);
    for (const sailor of [held, advised]) {
      const refusals: string[] = [];
      for (const level of ["none", "isolate"] as const)
        for (const by of [...signers.map((one) => [one] as const), ...pairs]) {
          const seen = sailor.events.length;
          await handOver(sailor, await grantOf(thief, harbor, sailor.number, level, ...by));
          const refused = sailor.events.slice(seen).find(({ type }) => type === "refused");
          refusals.push(refused?.type === "refused" ? refused.code : "taken");
        }
      expect(new Set(refusals)).toEqual(new Set(["wrong-key"]));
    }
    await nothingFell();

    const owner = ownerIn(fromBase64Url(thief.service.view.authorities.get(1)?.signed ?? ""), service);
    const gift = { kind: "give", numbers: [held.number], owner, reason: "mine now" } as const;
    const { id } = await service.act(gift, "admin");
    const { refusal } = await service.approve(id, service.actDigest(gift), "approver");
    expect(refusal?.code).toBe("approval-needed");
    expect(service.view.devices.get(held.number)?.transferred).toBeUndefined();

    // His papers lacked nothing but the key that is elsewhere.
    await handOver(held, await grantOf(thief, harbor, held.number, "none", keys.transfer));
    expect(held.events).toContainEqual(expect.objectContaining({ type: "transferred" }));
    expect(held.device.standing).toBe("isolate");
  } finally {
    await thief.close();
  }
});

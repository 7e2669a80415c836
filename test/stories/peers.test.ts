/** Devices with no network but a wire between them: what one has heard, the other then acts by (P1, P10). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { type ExchangeReport, exchangeOverStream } from "../../device/adapters/peer-stream.js";
import { PeerBag } from "../../device/peer-bag.js";
import { mailCore } from "../../device/mail.js";
import type { PeerPapers, PeerVerdict } from "../../device/peers.js";
import { exportFor, takeItem } from "../../fleet/bundles.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Sailor } from "./aboard.js";
import { Harbor, until } from "./harbor.js";

const DAY = 86_400;
/** Readings pass on what is known; who wants a door opened shows a lease of today. */
const peerPolicy = {
  reading: { maxLedgerAgeSeconds: 7 * DAY, whenStale: "open" },
  "open-door": {
    maxLedgerAgeSeconds: 7 * DAY,
    maxLeaseAgeSeconds: DAY,
    below: "restrict",
    whenStale: "closed",
  },
} as const;

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open({ peerPolicy });
});
afterEach(async () => {
  await harbor.close();
});

/** What a device shows to another one. */
function papersOf({ device }: Sailor): PeerPapers {
  const { lease, tlsIdentity } = device;
  return { chain: tlsIdentity.chain, ...(lease && { lease }) };
}

const verdict = ({ device }: Sailor, papers: PeerPapers, action = "reading"): PeerVerdict["verdict"] =>
  device.peerVerdict(papers, action).verdict;

/** Two devices on a real socket, one of them the server. */
async function meet(
  one: Sailor,
  two: Sailor,
  bags = [new PeerBag(one.number, nodeCrypto), new PeerBag(two.number, nodeCrypto)] as const,
): Promise<readonly ExchangeReport[]> {
  const side = ({ device, store }: Sailor, stream: Duplex, bag: PeerBag) =>
    exchangeOverStream(device, stream, { store, bag, clock: harbor.clock, crypto: nodeCrypto });
  const server = createServer().listen(0, "127.0.0.1");
  const caller = once(server, "connection").then(([socket]) => side(one, socket as Duplex, bags[0]));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const reports = await Promise.all([caller, side(two, connect(port, "127.0.0.1"), bags[1])]);
  server.close();
  return reports;
}

test("P10: service and broker stopped, a device hears from another one whom to refuse", async () => {
  const [a, b, c] = [await harbor.working(), await harbor.working(), await harbor.working()];
  const papers = papersOf(c);
  await until(() => b.device.peerVerdict(papers, "reading").reason === "in-order", "they trust each other");
  b.radio.switch(false);
  await harbor.hold([c.number], "isolate");
  await until(() => verdict(a, papers) === "denied", "the device with a network knows");
  await harbor.goDark();
  expect(verdict(b, papers)).toBe("trusted"); // it cannot know yet
  const reports = await meet(a, b);
  expect(reports.map(({ ended }) => ended)).toEqual(["complete", "complete"]);
  expect(b.device.peerVerdict(papers, "reading")).toMatchObject({
    verdict: "denied",
    reason: "number-denied",
  });
  expect(verdict(b, papersOf(a))).toBe("trusted");
});

test("P1: what came from a peer is as good to the next one", async () => {
  const [a, b, c] = [await harbor.working(), await harbor.working(), await harbor.working()];
  const d = await harbor.working();
  const papers = papersOf(c);
  for (const { radio } of [b, d]) radio.switch(false);
  await harbor.hold([c.number], "isolate");
  await until(() => verdict(a, papers) === "denied", "the device with a network knows");
  await harbor.goDark();
  await meet(a, b);
  await harbor.stop(a);
  await meet(b, d);
  expect(verdict(d, papers)).toBe("denied");
});

test("P10: a lease shows what no ledger does: its device is restricted", async () => {
  const [b, c] = [await harbor.working(), await harbor.working()];
  await until(() => verdict(b, papersOf(c), "open-door") === "trusted", "they trust each other");
  b.radio.switch(false);
  const old = papersOf(c);
  await harbor.hold([c.number], "restrict");
  await until(() => c.device.standing === "restrict", "the device is restricted");
  expect(verdict(b, old, "open-door")).toBe("trusted"); // what it can show until a day after its last sync
  await harbor.passDays(2);
  await until(() => papersOf(c).lease !== old.lease, "it synced");
  const refused = { verdict: "denied", reason: "level", level: "restrict" };
  expect(b.device.peerVerdict(papersOf(c), "open-door")).toMatchObject(refused);
  expect(verdict(b, papersOf(c), "reading")).toBe("trusted");
  expect(b.device.peerVerdict(old, "open-door")).toMatchObject({ verdict: "stale", reason: "lease-age" });
  const silent = { chain: old.chain };
  expect(b.device.peerVerdict(silent, "open-door")).toMatchObject({
    verdict: "stale",
    reason: "lease-missing",
  });
});

test("P1: a directive goes to a dark device in another one's bag, and its receipt comes back so", async () => {
  const [carrier, dark] = [await harbor.working(), await harbor.working()];
  dark.radio.switch(false);
  await harbor.hold([dark.number], "isolate");
  const bags = [new PeerBag(carrier.number, nodeCrypto), new PeerBag(dark.number, nodeCrypto)] as const;
  for (const item of exportFor(harbor.service, dark.number))
    if (mailCore(item)) bags[0].takeMail(item, harbor.service.trust);
  await meet(carrier, dark, bags);
  expect(dark.device.standing).toBe("isolate");

  const confirmed = () =>
    harbor.events.some(
      (e) => e.type === "receipt-received" && e.number === dark.number && e.held.level === "isolate",
    );
  expect(confirmed()).toBe(false);
  for (const item of bags[0].receipts()) await takeItem(harbor.service, item, "admin");
  expect(confirmed()).toBe(true);
});

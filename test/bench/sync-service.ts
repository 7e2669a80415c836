/**
 * A fleet service of the sync bench, in a process of its own, with as many devices as its first argument says: on LMDB
 * alone it answers in process; with the URL of a NATS server as its second one it is a worker, its log on JetStream with a copy on LMDB, which gateways ask over NATS.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { serveBus } from "../../fleet/link-bus.js";
import type { FleetLink } from "../../fleet/link.js";
import { linkSource } from "../../fleet/link-feed.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { assertLeased, SyncCrowd } from "./sync-crowd.js";
import { closedLoop, type Requests, type Round } from "./sync-loop.js";
import { obey } from "./sync-processes.js";

/** Of what is signed for one sync, and for its lease, in bytes. */
const [SYNC_SIGNED, LEASE_SIGNED] = [168, 144];
const ES256 = { dsaEncoding: "ieee-p1363" } as const;

const folder = await mkdtemp(join(tmpdir(), "daymark-sync-"));
const copy = LmdbEventLog.open(join(folder, "log"));
const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
const [, , devices = "", url] = process.argv;
const crowd = await (url === undefined ? SyncCrowd.open(copy, Number(devices)) : onNats(url));
const { service, door } = crowd.fleet;
if (url === undefined) ends.unshift(() => service.close());
let given: readonly Requests[] = [];
let signs = true;

const orders = {
  fleetId: () => toHex(service.trust.fleetId),
  /** The next of every device, so many. */
  requests: (each: number) => crowd.requests(each),
  /** What gateways ask is answered; or else it goes back as it came, so that the way there alone is measured. */
  sign: (isSigned: boolean) => void (signs = isSigned),
  take: (requests: readonly Requests[]) => void (given = requests),
  /** Answers what it took, in process. */
  run: () => closedLoop(given, (number, message) => door.handle(number, message), assertLeased),
  bare,
} as const;
export type ServiceOrders = typeof orders;

/** Verifies and signs as much as so many syncs, and does nothing else. */
async function bare(count: number): Promise<Round> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [sync, lease] = [randomBytes(SYNC_SIGNED), randomBytes(LEASE_SIGNED)];
  const signature = sign("sha256", sync, { key: privateKey, ...ES256 });
  const oneByOne = [{ number: 0, messages: Array.from({ length: count }, () => sync) }];
  const verifyAndSign = async () =>
    verify("sha256", sync, { key: publicKey, ...ES256 }, signature) &&
    sign("sha256", lease, { key: privateKey, ...ES256 });
  return closedLoop(oneByOne, verifyAndSign, (signed) => {
    if (!signed) throw new Error("a good signature was refused");
  });
}

async function onNats(server: string): Promise<SyncCrowd> {
  const options = { servers: [server], name: "bench" };
  const nats = await connectNats(options);
  const wanted = { stream: "daymark-bench", replicas: 1, acceptLogLoss: true };
  const worker = { nats, copy, worker: "0123456789abcdef", clock: systemClock };
  const opened = await SyncCrowd.open(
    await JetStreamEventLog.open({ ...wanted, ...worker }),
    Number(devices),
  );
  const { fleet } = opened;
  const report = (problem: string) => void process.stderr.write(`${problem}\n`);
  const bus = await NatsBus.connect(options, report);
  const handle: FleetLink["handle"] = async (number, message) =>
    signs ? fleet.door.handle(number, message) : [message];
  const source = linkSource(fleet.service, { ...fleet.door, handle });
  const fleetId = toHex(fleet.service.trust.fleetId);
  const answering = serveBus({ source, bus, fleetId, clock: systemClock, report });
  ends.unshift(
    () => answering.close(),
    () => bus.close(),
    () => fleet.service.close(),
    () => nats.close(),
  );
  return opened;
}

obey(orders, async () => {
  for (const end of ends) await end();
});

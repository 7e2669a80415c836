/**
 * The fleet's side of a harbour, in one of two layouts: all in one process on a log of its own, or two workers on one
 * log in JetStream and two gateways that reach them over NATS. Every story has to come out the same.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BusLink } from "../../broker/adapters/bus-link.js";
import type { GatewayEvent, SessionInfo } from "../../broker/events.js";
import { type Gateway, startGateway } from "../../broker/main.js";
import { Ability } from "../../fleet/ability.js";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { frontDoor } from "../../fleet/front-door.js";
import type { FleetLink } from "../../fleet/link.js";
import { serveBus } from "../../fleet/link-bus.js";
import { linkSource } from "../../fleet/link-feed.js";
import type { EventLog, LogRecord } from "../../fleet/ports.js";
import { type FleetOptions, FleetService } from "../../fleet/service.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { must } from "../fleet/fixtures.js";
import { NatsServer } from "../nats/server.js";

export interface ShoreParts {
  readonly fleet: Omit<FleetOptions, "log">;
  /** What is in the log before it opens, oldest first. */
  readonly records: readonly LogRecord[];
  readonly tamper: (link: FleetLink) => FleetLink;
  readonly onGatewayEvent: (event: GatewayEvent) => void;
}

export interface Shore {
  /** Where operators and the station are. */
  readonly service: FleetService;
  /** Of each gateway. */
  ports(): readonly number[];
  /** Of the next gateway, in turn. */
  port(): number;
  sessions(): readonly SessionInfo[];
  /** Ends them all; `gateway` is there instead. */
  exchangeGateways(gateway: Gateway): Promise<void>;
  close(): Promise<void>;
}

/** Which layout the stories of this run are about. */
const LAYOUT = process.env["DAYMARK_STORIES"] ?? "embedded";

export function openShore(parts: ShoreParts): Promise<Shore> {
  if (LAYOUT === "embedded") return embedded(parts);
  if (LAYOUT === "split") return split(parts);
  throw new Error(`there is no layout ${LAYOUT}: say embedded or split`);
}

async function embedded({ fleet, records, tamper, onGatewayEvent }: ShoreParts): Promise<Shore> {
  const log = new MemoryEventLog();
  await refill(log, records);
  const service = await FleetService.open({ ...fleet, log });
  const gateways = new Gateways([await gatewayOn(tamper(frontDoor(service)), fleet, onGatewayEvent)]);
  return shoreOf(service, gateways, () => service.close());
}

async function split({ fleet, records, tamper, onGatewayEvent }: ShoreParts): Promise<Shore> {
  const { clock, crypto } = fleet;
  const server = await natsServer();
  const stream = `story-${randomBytes(6).toString("hex")}`;
  const folder = mkdtempSync(join(tmpdir(), "daymark-shore-"));
  const closing: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const problems = (problem: string): never => {
    throw new Error(problem);
  };
  const connection = async (name: string) => {
    const options = { servers: [`127.0.0.1:${server.port}`], name };
    const [nats, bus] = [await connectNats(options), await NatsBus.connect(options, problems)];
    closing.push(
      () => nats.close(),
      () => bus.close(),
    );
    return { nats, bus };
  };
  const services: FleetService[] = [];
  for (const worker of ["a", "b"]) {
    const { nats, bus } = await connection(worker);
    const copy = LmdbEventLog.open(join(folder, worker));
    const wanted = { stream, replicas: 1, acceptLogLoss: true };
    // The stories' clock stands still or leaps; what is waited for on a wire takes real time.
    const log = await JetStreamEventLog.open({
      nats,
      ...wanted,
      copy,
      worker: worker.repeat(16),
      clock: systemClock,
    });
    if (worker === "a") await refill(log, records);
    const service = await FleetService.open({ ...fleet, log });
    services.push(service);
    closing.push(() => service.close());
    const fleetId = toHex(service.trust.fleetId);
    const source = linkSource(service, frontDoor(service));
    const ability = new Ability(service, systemClock);
    const served = serveBus({ source, bus, fleetId, clock: systemClock, ability, report: problems });
    closing.push(async () => {
      await served.close();
      ability.close();
    });
  }
  const service = must(services[0]);
  const fleetId = toHex(service.trust.fleetId);
  const opened: Gateway[] = [];
  for (const name of ["gateway 1", "gateway 2"]) {
    const { bus } = await connection(name);
    const link = await BusLink.open({ bus, fleetId, clock: systemClock, crypto });
    closing.push(() => link.close());
    opened.push(await gatewayOn(tamper(methodsOf(link)), { ...fleet, clock }, onGatewayEvent));
  }
  return shoreOf(service, new Gateways(opened), async () => {
    for (const end of closing.toReversed()) await end();
  });
}

/** As an object of its own, of which one method or other can be exchanged. */
function methodsOf(link: FleetLink): FleetLink {
  return {
    trust: () => link.trust(),
    standing: (number) => link.standing(number),
    beacon: () => link.beacon(),
    handle: (number, message) => link.handle(number, message),
    authorities: (request) => link.authorities(request),
    ledger: (request) => link.ledger(request),
    time: (request) => link.time(request),
    ticketSeed: () => link.ticketSeed(),
    certifyGateway: (publicKey, hosts) => link.certifyGateway(publicKey, hosts),
    watch: (listener) => link.watch(listener),
  };
}

class Gateways {
  #all: readonly Gateway[];
  #next = 0;

  constructor(all: readonly Gateway[]) {
    this.#all = all;
  }

  ports(): readonly number[] {
    return this.#all.map(({ port }) => port);
  }

  port(): number {
    return must(this.ports()[this.#next++ % this.#all.length]);
  }

  sessions(): readonly SessionInfo[] {
    return this.#all.flatMap((gateway) => gateway.sessions());
  }

  async exchange(gateway?: Gateway): Promise<void> {
    const before = this.#all;
    this.#all = gateway ? [gateway] : [];
    for (const each of before) await each.close();
  }
}

/** @param close - what is behind the gateways. */
function shoreOf(service: FleetService, gateways: Gateways, close: () => Promise<void>): Shore {
  return {
    service,
    ports: () => gateways.ports(),
    port: () => gateways.port(),
    sessions: () => gateways.sessions(),
    exchangeGateways: (gateway) => gateways.exchange(gateway),
    async close() {
      await gateways.exchange();
      await close();
    },
  };
}

function gatewayOn(
  link: FleetLink,
  { clock, entropy }: Pick<FleetOptions, "clock" | "entropy">,
  onEvent: ShoreParts["onGatewayEvent"],
): Promise<Gateway> {
  return startGateway({ link, clock, crypto: nodeCrypto, entropy, port: 0, onEvent });
}

async function refill(log: EventLog, records: readonly LogRecord[]): Promise<void> {
  const ends = new Map<string, number>();
  for (const { subject, events } of records)
    ends.set(subject, await log.append(subject, events, ends.get(subject) ?? 0));
}

let started: Promise<NatsServer> | undefined;
/** One for all stories of a file; it ends with this process. */
function natsServer(): Promise<NatsServer> {
  return (started ??= NatsServer.start());
}

/** Killed after any message, a device ends up with one identity (P4); so does one whose fleet was killed. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Connection, Door, Transport, TransportEvents } from "../../device/ports.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { wholeContent } from "../../fleet/ledger-history.js";
import type { FleetLink } from "../../fleet/link.js";
import { DEFAULT_POLICY } from "../../fleet/policy.js";
import { FleetService } from "../../fleet/service.js";
import { TOKEN_SECRET_BYTES } from "../../fleet/sync-tokens.js";
import { EnrollRequest } from "../../protocol/certify.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import type { Aboard } from "./aboard.js";
import { Harbor, until } from "./harbor.js";
import { entropy, softFleetKeys } from "./soft-keys.js";

let harbor: Harbor;
let loseReplies = 0;
/** Carries out what an enroll request asks for, and then is gone before it can answer. */
const forgetful = (link: FleetLink): FleetLink => ({
  ...link,
  handle: async (number, message) => {
    const replies = await link.handle(number, message);
    if (!looksSigned(message) || parseEnvelope(message).type !== EnrollRequest.type || loseReplies === 0)
      return replies;
    loseReplies--;
    throw new Error("the worker was killed");
  },
});
beforeEach(async () => {
  loseReplies = 0;
  harbor = await Harbor.open({ tamper: forgetful });
});
afterEach(async () => {
  await harbor.close();
});

/** Cuts the power at the n-th message, before it is passed on or after. */
class PowerCut implements Transport {
  readonly #inner: Transport;
  readonly #cut: () => void;
  #left: number;
  readonly #when: "before" | "after";
  happened = false;

  constructor(inner: Transport, atMessage: number, when: "before" | "after", cut: () => void) {
    this.#inner = inner;
    this.#left = atMessage;
    this.#when = when;
    this.#cut = cut;
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    const inner = this.#inner.connect(fleetId, door, {
      ...events,
      received: (bytes) => this.#pass(() => events.received(bytes)),
    });
    return {
      send: (bytes) => this.#pass(() => inner.send(bytes)) ?? Promise.reject(new Error("no power")),
      publish: (topic, payload) => inner.publish(topic, payload),
      close: () => inner.close(),
    };
  }

  #pass<T>(pass: () => T): T | undefined {
    if (this.happened) return undefined;
    this.#left--;
    if (this.#left !== 0) return pass();
    this.happened = true;
    const passed = this.#when === "after" ? pass() : undefined;
    this.#cut();
    return passed;
  }
}

function identities({ number }: Aboard): number {
  return harbor.events.filter((e) => e.type === "certificate-issued" && e.number === number).length;
}

/** Runs a new device until the cut, then again from its disk. @returns whether the cut came at all. */
async function enrollWithCut(atMessage: number, when: "before" | "after"): Promise<boolean> {
  const aboard = await harbor.bear();
  let cut: PowerCut | undefined;
  await harbor.start(aboard, {
    wrap: (radio) => (cut = new PowerCut(radio, atMessage, when, () => void aboard.device?.close())),
  });
  const speaking = () => aboard.events.some((event) => event.type === "speak" && event.allowed);
  await until(() => cut?.happened === true || speaking(), "the power is cut, or the device came through");
  await harbor.stop(aboard);
  await harbor.start(aboard);
  await harbor.speaking(aboard);
  expect(identities(aboard), `identities after a cut ${when} message ${atMessage}`).toBe(1);
  const stored = await aboard.store.load();
  const fleets = harbor.service.view.devices.get(aboard.number)?.certificates.at(-1)?.signed;
  expect(Buffer.from(stored?.record.ldevid?.chain[0] ?? []).toString("base64url")).toBe(fleets);
  await harbor.stop(aboard);
  return cut?.happened === true;
}

test.each(["before", "after"] as const)(
  "P4: killed %s every single message of enrollment, one identity results",
  async (when) => {
    let cuts = 0;
    while (await enrollWithCut(cuts + 1, when)) cuts++;
    // lobby: notice, question, answer; pledge: notice, request, answer; device: notice, Beacon, sync, reply, receipt.
    expect(cuts).toBeGreaterThanOrEqual(8);
  },
);

test("P4: the fleet is killed after it committed and before it answered: the retry gets the same identity", async () => {
  loseReplies = 1;
  const aboard = await harbor.bear();
  await harbor.start(aboard);
  await until(
    () => harbor.gatewayEvents.some((e) => e.type === "refused" && e.code === "fleet-unreachable"),
    "it is lost",
  );
  await until(() => {
    harbor.clock.advance(1_000); // the gateway asks for a pause
    return aboard.events.some((event) => event.type === "leased");
  }, "the device came through");
  await harbor.speaking(aboard);
  expect(loseReplies).toBe(0);
  expect(identities(aboard)).toBe(1);
});

test("P4: a service started again on the same log knows exactly what the old one knew", async () => {
  const log = new MemoryEventLog();
  const keys = softFleetKeys();
  const options = {
    log,
    keys,
    tokenSecret: entropy(TOKEN_SECRET_BYTES),
    crypto: nodeCrypto,
    entropy,
    clock: harbor.clock,
    policy: DEFAULT_POLICY,
    name: "again",
  };
  const first = await FleetService.open(options);
  const born = await harbor.bear();
  const { birth } = harbor.service.view.devices.get(born.number) ?? {};
  if (!birth) throw new Error("born above");
  await first.request({ type: "import", birth }, "test");
  await first.act({ kind: "hold", numbers: [birth.number], level: "isolate", reason: "story" }, "admin");
  const second = await FleetService.open(options);
  // First, since both keep what they have composed.
  expect(wholeContent(second.view.ledger)).toEqual(wholeContent(first.view.ledger));
  expect(second.view).toEqual(first.view);
  expect(second.trust.fleetId).toEqual(first.trust.fleetId);
});

test("P9: a birth that was not imported waits, and gets its identity once it is", async () => {
  const elsewhere = await Harbor.open();
  try {
    const aboard = await elsewhere.bear();
    const { birth } = elsewhere.service.view.devices.get(aboard.number) ?? {};
    if (!birth) throw new Error("born above");
    // The same fleet, restored from before that birth.
    const log = new MemoryEventLog();
    const { keys, clock } = elsewhere;
    const authority = elsewhere.service.trust.authority.bytes;
    const created = { type: "fleet-created", name: "harbor", at: 0, actor: "fleet" } as const;
    await log.append("fleet", [{ ...created, signed: Buffer.from(authority).toString("base64url") }], 0);
    const tokenSecret = entropy(TOKEN_SECRET_BYTES);
    const options = { log, keys, tokenSecret, crypto: nodeCrypto, entropy, clock, name: "harbor" };
    const service = await FleetService.open({ ...options, policy: DEFAULT_POLICY });
    const key = {
      algorithm: "ES256",
      bytes: Buffer.from(softFleetKeys().hold.publicKey.bytes).toString("base64url"),
    } as const;
    const certify = {
      type: "certify",
      via: "enroll",
      number: birth.number,
      nonce: "n",
      newKey: key,
      key: birth.key.bytes,
      birth,
    } as const;
    expect((await service.request(certify, "device")).refusal?.code).toBe("pending-import");
    await service.request({ type: "import", birth }, "test");
    expect(await service.request(certify, "device")).toEqual({});
    expect(service.view.devices.get(birth.number)?.certificates).toHaveLength(1);
  } finally {
    await elsewhere.close();
  }
});

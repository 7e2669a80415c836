/** A new Authority is installed at one of several services: the others follow it, with the keys that it names, once. */
import { describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { FleetError } from "../../fleet/errors.js";
import type { SomeKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { decodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { SyncReply } from "../../protocol/sync.js";
import { freshKey, must, SmallFleet } from "./fixtures.js";
import { LaggingLog } from "./lagging-log.js";
import { alone, MemoryStagedKeys, nextLink } from "./rotation.js";
import { always, at, eventsOf } from "./several-services.js";

/** Of which one reading can be made to last. */
class SlowStagedKeys extends MemoryStagedKeys {
  #held: { readonly begun: () => void; readonly until: Promise<void> } | undefined;

  holdNext(): { readonly begun: Promise<void>; readonly end: () => void } {
    let [begin, end] = [() => {}, () => {}];
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const until = new Promise<void>((resolve) => (end = resolve));
    this.#held = { begun: begin, until };
    return { begun, end };
  }

  override async read(): Promise<SomeKeys> {
    const held = this.#held;
    this.#held = undefined;
    const read = this.waiting;
    held?.begun();
    await held?.until;
    return read;
  }
}

const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: { readonly code: string }) => error.code,
  );

describe("a new Authority, installed at one", () => {
  const rotated = async (waitingAtB: boolean) => {
    const shared = new MemoryEventLog();
    const [first, second] = [new MemoryStagedKeys(), new MemoryStagedKeys()];
    const a = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: first });
    const b = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: second });
    const camera = await a.member("SN-1");
    const lease = freshKey();
    first.waiting = { lease };
    if (waitingAtB) second.waiting = { lease };
    await a.service.installAuthority(nextLink(a, { roles: { lease: alone(lease.publicKey) } }), "operator");
    const waiting = { give: () => (second.waiting = { lease }) };
    return { b, there: at(b, camera), waiting };
  };

  test("the other signs with the keys that it names", async () => {
    const { b, there } = await rotated(true);
    const [reply] = await there.send(there.syncRequest());
    const { lease } = decodeFrame(SyncReply, must(reply));
    expect(b.service.trust.authority.value.version).toBe(2);
    expect(openDocument(Lease, must(lease), b.service.trust, nodeCrypto).value.subject).toBe(there.number);
  });

  test("where the other lacks a key that it names, it signs nothing more, and says which", async () => {
    const { b, there, waiting } = await rotated(false);
    await expect(there.send(there.syncRequest())).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("lease") as string,
    });
    await expect(b.act("hold", [there.number], "restrict")).rejects.toMatchObject({ code: "conflict" });
    expect(() => b.service.keys).toThrow(FleetError); // no signed time, no gateway certificate either
    waiting.give();
    const [reply] = await there.send(there.syncRequest());
    decodeFrame(SyncReply, must(reply)); // the key was laid there, and no restart was needed
  });

  test.each(["the same link", "another link of that version"])(
    "while the other reads its keys for %s, it stands once in the log",
    async (which) => {
      const shared = new MemoryEventLog();
      const [first, slow] = [new MemoryStagedKeys(), new SlowStagedKeys()];
      const a = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: first });
      const b = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: slow });
      const [lease, other] = [freshKey(), freshKey()];
      [first.waiting, slow.waiting] = [{ lease }, which === "the same link" ? { lease } : { lease: other }];
      const link = nextLink(a, { roles: { lease: alone(lease.publicKey) } });
      const links = [link, nextLink(b, { roles: { lease: alone(other.publicKey) } })];
      const reading = slow.holdNext();
      const late = outcomeOf(b.service.installAuthority(must(links[which === "the same link" ? 0 : 1]), "x"));
      await reading.begun;
      await a.service.installAuthority(link, "operator");
      slow.waiting = { lease };
      await b.service.caughtUp(); // its keys are those of the link that stands
      reading.end();
      expect(await late).toBe(which === "the same link" ? "done" : "conflict");
      expect([a.service.stopped, b.service.stopped]).toEqual([undefined, undefined]);
      const installed = (await eventsOf(shared)).filter(({ type }) => type === "authority-issued");
      expect(installed).toHaveLength(1);
      expect(b.service.keys.lease.publicKey).toEqual(lease.publicKey);
    },
  );
});

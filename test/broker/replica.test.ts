/** What a gateway process knows is what the fleet knows, whatever was missed, and its listeners were told of it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Replica } from "../../broker/replica.js";
import { LinkFeed, type LinkSource } from "../../fleet/link-feed.js";
import type { Standing } from "../../fleet/link.js";
import { PacketReader } from "../../fleet/link-packets.js";
import { readNews } from "../../fleet/link-wire.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import { SmallFleet } from "../fleet/fixtures.js";
import { nextLink } from "../fleet/rotation.js";
import { AT, TableSource } from "./linked.js";

const fleet = await SmallFleet.open();

/** Packets of a feed into a replica. @returns numbers whose standing was told to have changed. */
function pump(feed: LinkFeed, replica: Replica, packets = Infinity): number[] {
  const reader = new PacketReader();
  const numbers: number[] = [];
  for (let i = 0; i < packets; i++) {
    const bytes = feed.next();
    if (!bytes) break;
    for (const packet of reader.feed(bytes)) {
      const news = readNews(packet);
      if (news.type === "answer" || news.type === "failure") continue;
      for (const change of replica.take(news)) if (change.type === "standing") numbers.push(change.number);
    }
  }
  return numbers;
}

function begun(source: LinkSource): { replica: Replica; feed: LinkFeed } {
  const [replica, feed] = [new Replica(nodeCrypto), new LinkFeed(source)];
  pump(feed, replica);
  return { replica, feed };
}

const NUMBERS = 12;
const known = (replica: Replica) => Array.from({ length: NUMBERS }, (_, i) => replica.standing(i + 1));
const actual = (source: TableSource) =>
  Array.from({ length: NUMBERS }, (_, i) => source.standings.get(i + 1));

describe("random lives", () => {
  const standing: fc.Arbitrary<Standing> = fc.record({
    level: fc.constantFrom("none", "observe", "restrict", "isolate", "revoked"),
    lowestGeneration: fc.integer({ min: 0, max: 3 }),
    enrolled: fc.boolean(),
    suspected: fc.boolean(),
  });
  const number = fc.integer({ min: 1, max: NUMBERS });
  const step = fc.oneof(
    fc.record({ type: fc.constant("set"), number, standing }),
    fc.record({ type: fc.constant("vanish"), number }), // as in a server restored from an older backup
    fc.record({ type: fc.constant("take"), packets: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ type: fc.constant("reconnect") }),
  );

  test("once all is taken the replica is the fleet, and what listeners were told adds up to it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const source = new TableSource(fleet);
        source.set(1, AT("none"));
        let { replica, feed } = begun(source);
        /** What a listener believes that looks at nothing but what it was told of. */
        const believed = known(replica);
        const look = (numbers: readonly number[]) =>
          numbers.forEach((n) => (believed[n - 1] = replica.standing(n)));
        let told = true; // whether the feed was told everything
        for (const one of steps) {
          if (one.type === "set") {
            source.standings.set(one.number, one.standing);
            feed.change({ type: "standing", number: one.number });
          } else if (one.type === "vanish") {
            source.standings.delete(one.number);
            told = false;
          } else if (one.type === "take") look(pump(feed, replica, one.packets));
          else {
            feed = new LinkFeed(source); // what waited in the one before is lost
            told = true;
          }
          expect(known(replica)).toEqual(believed);
        }
        if (!told) feed = new LinkFeed(source);
        look(pump(feed, replica));
        expect(known(replica)).toEqual(actual(source));
        expect(believed).toEqual(actual(source));
      }),
      { numRuns: 300 },
    );
  });
});

describe("after a reconnect", () => {
  test("listeners are told of every difference, and of nothing else", () => {
    const source = new TableSource(fleet);
    for (const number of [1, 2, 3]) source.set(number, AT("none"));
    const { replica } = begun(source);
    source.set(2, AT("isolate"));
    source.set(4, AT("none"));
    source.standings.delete(3);
    expect(pump(new LinkFeed(source), replica)).toEqual([2, 4, 3]);
    expect(replica.standing(3)).toBeUndefined();
  });

  test("what was known counts until the snapshot says otherwise, even if that breaks off", () => {
    const source = new TableSource(fleet);
    source.set(1, AT("isolate"));
    const { replica } = begun(source);
    const again = new LinkFeed(source);
    pump(again, replica, 3); // up to the Beacon
    expect(replica.standing(1)).toEqual(AT("isolate"));
    expect(pump(new LinkFeed(source), replica)).toEqual([]);
    expect(replica.standing(1)).toEqual(AT("isolate"));
  });

  test("a Beacon is told when it is another", () => {
    const { replica } = begun(new TableSource(fleet));
    const { beacon } = replica;
    expect(replica.take({ type: "beacon", document: beacon, parts: [] })).toEqual([]);
    const news = { type: "beacon", document: utf8("another"), parts: [utf8("part")] } as const;
    expect(replica.take(news)).toEqual([news]);
    expect(replica.beacon).toEqual(news.document);
  });
});

describe("trust", () => {
  test("P1: the chain is walked link by link, and a link that does not prove itself is refused", async () => {
    const other = await SmallFleet.open({ label: "stranger" });
    const { replica } = begun(new TableSource(fleet));
    expect(replica.trust.fleetId).toEqual(fleet.service.trust.fleetId);
    const stranger = other.service.trust.authority.bytes;
    expect(() => replica.take({ type: "authority", document: stranger })).toThrow(
      expect.objectContaining({ code: "wrong-key", message: expect.stringContaining("another fleet") }),
    );
    const torn = fleet.service.trust.authority.bytes.slice();
    torn[torn.length - 1]! ^= 1;
    expect(() => new Replica(nodeCrypto).take({ type: "authority", document: torn })).toThrow(
      expect.objectContaining({ code: "bad-signature" }),
    );
  });

  test("P1: a next link is taken when the chain leads to it, and refused when it does not", async () => {
    const own = await SmallFleet.open();
    const { replica } = begun(new TableSource(own));
    const link = new Uint8Array(nextLink(own));
    const torn = link.with(link.length - 1, (link.at(-1) ?? 0) ^ 1);
    expect(() => replica.take({ type: "authority", document: torn })).toThrow(
      expect.objectContaining({ code: "bad-signature" }),
    );
    expect(replica.trust.authority.value.version).toBe(1);
    expect(replica.take({ type: "authority", document: link })).toEqual([{ type: "authority" }]);
    expect(replica.trust.authority.value.version).toBe(2);
  });

  test("a snapshot without an Authority is none", () => {
    const replica = new Replica(nodeCrypto);
    replica.take({ type: "welcome", ticketSeed: new Uint8Array(32) });
    expect(() => replica.take({ type: "ready" })).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

/** What one gateway is told, in which order, and how much may wait for it. */
import { describe, expect, test } from "vitest";
import type { FleetChange, FleetLink, Standing } from "../../fleet/link.js";
import {
  LinkFeed,
  linkSource,
  type LinkSource,
  MAX_NUMBERS,
  MAX_WAITING_BYTES,
} from "../../fleet/link-feed.js";
import { PacketReader } from "../../fleet/link-packets.js";
import { MAX_STANDINGS, standingOf } from "../../fleet/link-standings.js";
import { type News, readNews } from "../../fleet/link-wire.js";
import { utf8 } from "../../protocol/bytes.js";
import { ProtocolError } from "../../protocol/errors.js";
import { FleetError } from "../../fleet/errors.js";
import { signedOf, SmallFleet } from "./fixtures.js";

/** A source over a table of standings. */
class Table implements LinkSource {
  readonly standings = new Map<number, Standing>();
  readonly chain = [utf8("version 1")];
  readonly link: FleetLink;

  constructor(count: number) {
    for (let number = 1; number <= count; number++) this.set(number, "none");
    const asked = () => Promise.reject(new Error("nobody asks here"));
    this.link = {
      trust: () => expect.unreachable("a feed does not look at trust"),
      standing: (number) => this.standings.get(number),
      beacon: () => utf8("beacon"),
      ticketSeed: () => new Uint8Array(32),
      handle: asked,
      authorities: asked,
      ledger: asked,
      time: asked,
      certifyGateway: asked,
      watch: () => () => undefined,
    };
  }

  numbers() {
    return this.standings.keys();
  }

  authority(version: number) {
    return this.chain[version - 1];
  }

  set(number: number, level: Standing["level"]): FleetChange {
    this.standings.set(number, { level, lowestGeneration: 1, enrolled: true, suspected: false });
    return { type: "standing", number };
  }
}

function take(feed: LinkFeed, packets = Infinity): News[] {
  const taken: News[] = [];
  const reader = new PacketReader();
  for (let i = 0; i < packets; i++) {
    const bytes = feed.next();
    if (!bytes) break;
    taken.push(...reader.feed(bytes).map(readNews));
  }
  return taken;
}

/** Types, and of standings who is at what. */
function short(news: readonly News[]): readonly string[] {
  return news.map((item) =>
    item.type === "standings"
      ? item.records.map(({ number, word }) => `${number} ${standingOf(word)?.level}`).join(", ")
      : item.type,
  );
}

function caughtUp(table: Table): LinkFeed {
  const feed = new LinkFeed(table);
  take(feed);
  return feed;
}

describe("the snapshot", () => {
  test("is the chain, the Beacon and everybody, between welcome and ready", () => {
    const table = new Table(2);
    table.chain.push(utf8("version 2"));
    const told = take(new LinkFeed(table));
    expect(short(told)).toEqual(["welcome", "authority", "authority", "beacon", "1 none, 2 none", "ready"]);
    expect(told.flatMap((item) => (item.type === "authority" ? [item.document] : []))).toEqual(table.chain);
  });

  test("of many comes in bounded pieces", () => {
    const told = take(new LinkFeed(new Table(2 * MAX_STANDINGS + 1)));
    const pieces = told.flatMap((item) => (item.type === "standings" ? [item.records.length] : []));
    expect(pieces).toEqual([MAX_STANDINGS, MAX_STANDINGS, 1]);
  });

  test("what changes meanwhile is told behind it, and in it already where it was not told yet", () => {
    const table = new Table(2 * MAX_STANDINGS);
    const feed = new LinkFeed(table);
    take(feed, 4); // with the first piece
    feed.change(table.set(1, "isolate"));
    feed.change(table.set(MAX_STANDINGS + 1, "restrict"));
    const rest = short(take(feed));
    expect(rest[0]).toMatch(new RegExp(`^${MAX_STANDINGS + 1} restrict, `));
    expect(rest.slice(1)).toEqual(["ready", `1 isolate, ${MAX_STANDINGS + 1} restrict`]);
  });

  test("of a service has all links that its chain has", async () => {
    const fleet = await SmallFleet.open();
    await fleet.bear("SN-1");
    const told = take(new LinkFeed(linkSource(fleet.service, fleet.door)));
    expect(short(told)).toEqual(["welcome", "authority", "beacon", "1 none", "ready"]);
    expect(told[1]).toEqual({ type: "authority", document: signedOf(fleet.service.view.authorities.get(1)) });
  });
});

describe("afterwards", () => {
  test("an answer comes behind what was changed before it", () => {
    const table = new Table(2);
    const feed = caughtUp(table);
    feed.change({ type: "push", number: 1, document: utf8("directive") });
    feed.change(table.set(1, "isolate"));
    feed.answer(1, []);
    feed.change(table.set(2, "restrict"));
    feed.fail(2, new Error("a disk"));
    expect(short(take(feed))).toEqual(["push", "1 isolate", "answer", "2 restrict", "failure"]);
  });

  test("no older standing follows a newer one: each is looked up when it is told", () => {
    const table = new Table(1);
    const feed = caughtUp(table);
    feed.change(table.set(1, "isolate"));
    feed.answer(1, []);
    feed.change(table.set(1, "none"));
    expect(short(take(feed))).toEqual(["1 none", "answer", "1 none"]);
  });

  test("a link of the chain is told once", () => {
    const table = new Table(0);
    const feed = caughtUp(table);
    table.chain.push(utf8("version 2"));
    feed.change({ type: "authority" });
    feed.change({ type: "authority" });
    expect(short(take(feed))).toEqual(["authority"]);
  });

  test("a change of everybody takes no memory for each", () => {
    const table = new Table(MAX_NUMBERS + 2);
    const feed = caughtUp(table);
    for (const number of table.numbers()) feed.change(table.set(number, "isolate"));
    feed.answer(1, []);
    const told = take(feed);
    const records = told.flatMap((item) => (item.type === "standings" ? item.records : []));
    expect(new Set(records.map(({ number }) => number)).size).toBe(MAX_NUMBERS + 2);
    expect(records.every(({ word }) => standingOf(word)?.level === "isolate")).toBe(true);
    expect(told.at(-1)?.type).toBe("answer");
  });

  test("P11: more than may wait is more than may wait, until it is taken", () => {
    const feed = caughtUp(new Table(1));
    const document = new Uint8Array(65_536);
    const few = MAX_WAITING_BYTES / 2 / document.length;
    for (let i = 0; i < few; i++) feed.change({ type: "broadcast", document });
    expect(feed.isOverfull).toBe(false);
    for (let i = 0; i < few; i++) feed.change({ type: "broadcast", document });
    expect(feed.isOverfull).toBe(true);
    take(feed);
    expect(feed.isOverfull).toBe(false);
  });

  test("what was counted as waiting is uncounted when it is told", () => {
    const table = new Table(MAX_NUMBERS + 1);
    const feed = caughtUp(table);
    for (let round = 0; round < 40; round++) {
      for (const number of table.numbers()) feed.change({ type: "standing", number });
      feed.answer(round, [new Uint8Array(60_000)]);
      take(feed);
    }
    expect(feed.isOverfull).toBe(false);
  });

  test.each([
    [new ProtocolError("malformed", "no frame"), "malformed", "no frame"],
    [new FleetError("overloaded", "too much waits"), "failed", "too much waits"],
    [new Error("a path and a key"), "failed", "the service could not do it; its own log says why"],
  ])("a failure says only what was written for people: %s", (error, code, text) => {
    const feed = caughtUp(new Table(0));
    feed.fail(7, error);
    expect(take(feed)).toEqual([{ type: "failure", id: 7, code, text }]);
  });
});

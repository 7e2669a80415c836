/** The chain of Authorities as a device walks it: by any carrier, link by link, and what a new one changes (P1, P3). */
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../protocol/frame.js";
import { AuthorityReply } from "../../protocol/authority-links.js";
import { heldVector } from "../../device/state.js";
import { Bench } from "./bench.js";
import { Owner, softSigner } from "./owner.js";
import { authorityReply } from "./questions.js";

const version = ({ state }: Bench) => state.held.trust.authority.value.version;
const kinds = (bench: Bench, from = 0) =>
  bench
    .sent()
    .slice(from)
    .map((_, i) => bench.question(from + i).kind);
/** With a new key for holding devices. */
const rotateHold = (owner: Owner) => {
  const hold = softSigner();
  return owner.rotate({ roles: { hold: { keys: [hold.publicKey], threshold: 1 } } }, { hold });
};

describe("a notice that names a newer Authority", () => {
  test("has its links asked for first, then the device goes on", () => {
    const bench = new Bench(new Owner()).speaking();
    for (let i = 0; i < 3; i++) bench.owner.rotate();
    const before = bench.sent().length;
    bench.connect("device", 4);
    bench.answer();
    expect(version(bench)).toBe(4);
    expect(kinds(bench, before)).toEqual(["authority", "sync"]);
    expect(heldVector(bench.state).authority.version).toBe(4);
  });

  test("is asked again while there are more links than fit into a reply", () => {
    const bench = new Bench(new Owner()).speaking();
    const links = [1, 2, 3].map(() => bench.owner.rotate());
    const before = bench.sent().length;
    bench.connect("device", 4);
    for (const link of links) bench.receive(encodeFrame(AuthorityReply, { newest: 4, links: [link] }));
    expect(kinds(bench, before)).toEqual(["authority", "authority", "authority", "sync"]);
    expect(version(bench)).toBe(4);
  });

  test("P11: a gateway that lies gains one question on each connection", () => {
    const bench = new Bench(new Owner()).speaking();
    const before = bench.sent().length;
    bench.connect("device", Number.MAX_SAFE_INTEGER);
    bench.receive(encodeFrame(AuthorityReply, { newest: Number.MAX_SAFE_INTEGER, links: [] }));
    bench.notice("held", "quarantined", Number.MAX_SAFE_INTEGER);
    bench.answer();
    expect(kinds(bench, before)).toEqual(["authority", "sync", "sync"]);
    bench.connect("device", Number.MAX_SAFE_INTEGER);
    expect(bench.asked().kind).toBe("authority");
  });

  test("P11: no answer delays a sync, and does not prevent it", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.connect("device", 9);
    for (let tries = 0; tries < 3; tries++) {
      expect(bench.asked().kind).toBe("authority");
      bench.pass(30);
    }
    expect(bench.asked().kind).toBe("sync");
  });

  test("a pledge asks for them too", () => {
    const bench = new Bench(new Owner()).timed();
    bench.owner.rotate();
    bench.connect("pledge", 2);
    expect(bench.asked().kind).toBe("authority");
    bench.answer();
    expect(bench.asked().kind).toBe("enroll");
  });
});

describe("P1: links count whoever brings them", () => {
  test("one that was pushed, one by hand: adopted, and confirmed by nobody", () => {
    const bench = new Bench(new Owner()).speaking();
    const before = bench.sent().length;
    bench.receive(bench.owner.rotate());
    bench.feed({ type: "disconnected" });
    bench.receive(bench.owner.rotate());
    expect(version(bench)).toBe(3);
    expect(bench.sent()).toHaveLength(before);
    expect(bench.disk.authority).toEqual(bench.owner.trust.authority.bytes);
  });

  test("in a reply they come first: what is signed by the new keys counts in the same reply", () => {
    const bench = new Bench(new Owner()).enrolled();
    bench.connect("device");
    const asked = bench.asked();
    if (asked.kind !== "sync") throw new Error("a device syncs first");
    const lease = softSigner();
    const links = [rotateHold(bench.owner)];
    links.push(
      bench.owner.rotate({ roles: { lease: { keys: [lease.publicKey], threshold: 1 } } }, { lease }),
    );
    const held = bench.owner.directive(1, 1, "observe");
    const required = { ...bench.owner.required(asked.value), authority: 3, directive: [1, 1] } as const;
    const answer = bench.owner.lease(asked.value, { required });
    bench.receive(bench.owner.syncReply(asked.value, [held, ...links], answer));
    expect(bench.refusals).toEqual([]);
    expect(bench.state).toMatchObject({ reported: "observe", session: { synced: true } });
  });

  test("P3: at most four before the newest are kept, to be handed on; older ones are passed over", () => {
    const bench = new Bench(new Owner()).speaking();
    for (let i = 0; i < 6; i++) bench.receive(bench.owner.rotate());
    expect(bench.disk.earlier).toEqual(bench.owner.links.slice(1, 5));
    const { state } = bench;
    bench.receive(authorityReply(bench.owner, { version: 1 }));
    expect(bench.state).toEqual(state);
    expect(bench.refusals).toEqual([]);
  });

  test("what was stored under earlier keys still holds after a reboot; what such a key signs now does not", () => {
    const bench = new Bench(new Owner()).speaking();
    const stolen = bench.owner.keys.hold;
    bench.receive(bench.owner.directive(1, 1, "isolate"));
    bench.receive(rotateHold(bench.owner));
    bench.reboot();
    expect(bench.state.reported).toBe("isolate");
    bench.owner.keys = { ...bench.owner.keys, hold: stolen };
    expect(() => bench.receive(bench.owner.directive(1, 2, "isolate"))).toThrow(
      expect.objectContaining({ code: "wrong-key" }),
    );
  });
});

describe("a link that is missing or forged is refused by name, and nothing behind it counts", () => {
  const three = () => {
    const bench = new Bench(new Owner()).speaking();
    const links = [1, 2, 3].map(() => bench.owner.rotate());
    return { bench, links };
  };
  const flipped = (link: Uint8Array) => link.with(link.length - 1, link.at(-1)! ^ 1);
  test.each<[string, (links: Uint8Array[]) => Uint8Array[], number, string]>([
    ["the second is missing", ([a, , c]) => [a!, c!], 2, "authority link 3 is missing"],
    ["the first is missing", ([, b, c]) => [b!, c!], 1, "authority link 2 is missing"],
    ["the second is forged", ([a, b, c]) => [a!, flipped(b!), c!], 2, "authority link 3"],
    ["the first is another fleet's", ([, b, c]) => [new Owner().rotate(), b!, c!], 1, "authority link 2"],
  ])("%s", (_, change, reached, words) => {
    const { bench, links } = three();
    bench.connect("device", 4);
    bench.receive(encodeFrame(AuthorityReply, { newest: 4, links: change(links) }));
    expect(bench.refusals).toEqual([expect.stringContaining(words)]);
    expect(version(bench)).toBe(reached);
  });
});

describe("P3: two Authorities of one version", () => {
  test("that the root keys signed are a fork: an alarm, and the one that is held stays", () => {
    const bench = new Bench(new Owner()).speaking();
    const rival = bench.owner.link({ terms: ["ledger"] });
    bench.receive(bench.owner.rotate());
    const { trust } = bench.state.held;
    bench.receive(rival);
    expect(bench.disk.alarms).toEqual([{ id: 1, kind: "fork" }]);
    expect(bench.state).toMatchObject({ reported: "isolate", held: { trust } });
  });

  test("that somebody else signed are one, and a lie: no alarm", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.rotate());
    const { state } = bench;
    const stranger = new Owner();
    bench.receive(stranger.rotate());
    bench.receive(stranger.trust.authority.bytes);
    bench.receive(new Owner().trust.authority.bytes); // of version 1, which is passed over
    expect(bench.state).toEqual(state);
    expect(bench.refusals).toHaveLength(2);
  });

  test("of the first there is only one, since the fleet is named after it", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(new Owner().trust.authority.bytes);
    expect(bench.refusals).toEqual(["authority version 1: another one is held"]);
    expect(bench.disk.alarms).toEqual([]);
  });
});

/** Gateway and service over a real socket: order, loss, return, and peers that are no gateway, or a stuck one. */
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RemoteLink } from "../../broker/adapters/remote-link.js";
import { linkSource } from "../../fleet/link-feed.js";
import type { FleetLink } from "../../fleet/link.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import { utf8 } from "../../protocol/bytes.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { SyncReply } from "../../protocol/sync.js";
import { freshKey, must, SmallFleet } from "../fleet/fixtures.js";
import { nextLink } from "../fleet/rotation.js";
import { drawFrom } from "../fuzz/draw.js";
import { until } from "../stories/harbor.js";
import { AT, linked, Served, TableSource } from "./linked.js";

let folder: string;
let served: Served;
const links: RemoteLink[] = [];
const sockets: Socket[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-link-"));
  served = new Served(join(folder, "link.sock"));
});
afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await served.stop();
  await rm(folder, { recursive: true });
});

async function gateway(options: Parameters<typeof linked>[1] = {}) {
  const made = await linked(served.path, options);
  links.push(made.link);
  return made;
}
async function tableServed() {
  const fleet = await SmallFleet.open();
  const source = new TableSource(fleet);
  await served.start(source);
  return { fleet, source };
}
function raw(): Socket {
  const socket = connect(served.path);
  socket.on("error", () => undefined);
  sockets.push(socket);
  return socket;
}
/** A service that takes connections and says nothing. */
async function mute() {
  const server = createServer((socket) => sockets.push(socket.on("error", () => undefined))).listen(
    served.path,
  );
  await once(server, "listening");
  return server;
}

describe("a whole fleet, seen from another process", () => {
  test("gives what the front door gives", async () => {
    const fleet = await SmallFleet.open();
    const { service, door } = fleet;
    const camera = await fleet.member("SN-1");
    await served.start(linkSource(service, door));
    const { link } = await gateway();
    expect(link.trust().authority.hash).toEqual(door.trust().authority.hash);
    expect(link.trust().fleetId).toEqual(door.trust().fleetId);
    expect(link.beacon()).toEqual(new Uint8Array(door.beacon()));
    expect(link.ticketSeed()).toEqual(door.ticketSeed());
    expect(link.standing(camera.number)).toEqual(door.standing(camera.number));
    expect(link.standing(99)).toBeUndefined();
    const [reply] = await link.handle(camera.number, camera.syncRequest());
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
    const asked = encodeFrame(AuthorityRequest, { version: 1, maxReplyBytes: 4096 });
    expect(decodeFrame(AuthorityReply, await link.authorities(asked)).newest).toBe(1);
    const chain = await link.certifyGateway(freshKey().publicKey, ["localhost"]);
    expect(chain).toHaveLength(2);
  });

  test("what cannot be read is refused as by the front door; what fails is told without its secrets", async () => {
    const { source } = await tableServed();
    source.reply = () => Promise.reject(new Error("ENOSPC: /secret/path"));
    const { link } = await gateway();
    const malformed = { name: "ProtocolError", code: "malformed" };
    for (const asked of [link.authorities(utf8("x")), link.ledger(utf8("x")), link.time(utf8("x"))])
      await expect(asked).rejects.toMatchObject(malformed);
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({
      code: "service-failed",
      message: expect.not.stringContaining("secret"),
    });
    expect(served.problems).toEqual([expect.stringContaining("ENOSPC")]);
  });

  test("changes arrive as they are made: hold, push, Beacon, advisory, a link of the chain", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    await served.start(linkSource(fleet.service, fleet.door));
    const direct: string[] = [];
    fleet.door.watch((change) => direct.push(change.type));
    const { link, told } = await gateway();
    await fleet.act("hold", [camera.number], "isolate");
    await fleet.advise(`model in {"camera"}`, "restrict");
    await fleet.service.installAuthority(nextLink(fleet), "operator");
    await until(() => told.some(({ type }) => type === "authority"), "the new Authority came");
    await link.handle(camera.number, camera.syncRequest()); // everything before it is here
    expect(link.trust().authority.hash).toEqual(fleet.door.trust().authority.hash);
    expect(link.standing(camera.number)?.level).toBe("isolate");
    expect(link.beacon()).toEqual(new Uint8Array(fleet.door.beacon()));
    // A standing that is told again and is the same is no change.
    const order = ["push", "standing", "beacon", "broadcast", "authority", "broadcast"];
    expect(told.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])).toEqual(
      expect.arrayContaining(order),
    );
    expect(direct).toEqual(expect.arrayContaining(order));
    expect(told.findIndex(({ type }) => type === "push")).toBeLessThan(
      told.findIndex(({ type }) => type === "standing"),
    );
  });
});

describe("order", () => {
  test("P10: a reply is never seen before the standing change that came with it", async () => {
    const { source } = await tableServed();
    source.set(1, AT("none"));
    const { link } = await gateway();
    let level: "restrict" | "none" = "none";
    source.reply = async () => {
      level = level === "none" ? "restrict" : "none";
      source.set(1, AT(level));
      return [utf8(level)];
    };
    for (let i = 0; i < 200; i++) {
      const [reply] = await link.handle(1, utf8("sync"));
      expect(link.standing(1)?.level).toBe(Buffer.from(must(reply)).toString());
    }
  });

  test("several questions are on the way, and each gets its own answer", async () => {
    const { source } = await tableServed();
    const { link } = await gateway();
    const held: (() => void)[] = [];
    source.reply = async (number) => {
      await new Promise<void>((go) => held.push(go));
      return [utf8(`for ${number}`)];
    };
    const answers = [1, 2, 3].map((number) => link.handle(number, utf8("x")));
    await until(() => held.length === 3, "all were asked");
    for (const go of held.reverse()) go();
    const texts = (await Promise.all(answers)).map(([reply]) => Buffer.from(must(reply)).toString());
    expect(texts).toEqual(["for 1", "for 2", "for 3"]);
  });

  test("thousands of devices and thousands of changes: every gateway ends with what the fleet knows", async () => {
    const { source } = await tableServed();
    const count = 20_000;
    for (let number = 1; number <= count; number++) source.standings.set(number, AT("none"));
    const gateways = [await gateway(), await gateway()];
    const draw = drawFrom(11);
    const levels = ["none", "observe", "restrict", "isolate", "revoked"] as const;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 500; i++) source.set(1 + draw(count), AT(must(levels[draw(levels.length)])));
      if (round % 5 === 0) for (const number of source.numbers()) source.tell({ type: "standing", number });
      await Promise.all(gateways.map(({ link }) => link.handle(1, utf8("x"))));
      for (const { link } of gateways) {
        const differing = [...source.standings].filter(
          ([number, { level }]) => link.standing(number)?.level !== level,
        );
        expect(differing).toEqual([]);
      }
    }
    for (const { told } of gateways) expect(told.length).toBeGreaterThan(1_000);
  });
});

describe("when the service is gone", () => {
  test("P11: what waits is rejected, what is asked then too at once, and what was known stays", async () => {
    const { source } = await tableServed();
    source.set(1, AT("isolate"));
    const { link, states } = await gateway();
    source.reply = () => new Promise(() => undefined);
    const waiting = link.handle(1, utf8("x"));
    await served.stop();
    await expect(waiting).rejects.toMatchObject({ code: "link-down" });
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({ code: "link-down" });
    await expect(link.certifyGateway(freshKey().publicKey, [])).rejects.toMatchObject({ code: "link-down" });
    expect(link.standing(1)).toEqual(AT("isolate"));
    expect(states).toHaveLength(1);
  });

  test("a question while the service is there, but not all was told yet, is rejected too", async () => {
    const { source } = await tableServed();
    const { link, states } = await gateway();
    await served.stop();
    const server = await mute();
    await until(() => sockets.length > 0, "it is connected again");
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({ message: "the service is out of reach" });
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((closed) => server.close(closed));
    await served.start(source);
    await until(() => states.includes("back"), "it is back");
  });

  test("P10: back again, listeners are told every difference, and requests go on", async () => {
    const { fleet, source } = await tableServed();
    for (const number of [1, 2, 3]) source.set(number, AT("none"));
    const { link, told, states } = await gateway();
    await served.stop();
    source.set(2, AT("isolate"));
    source.standings.delete(3);
    await fleet.advise(`model in {"none such"}`, "restrict"); // a new Beacon
    await fleet.service.installAuthority(nextLink(fleet), "operator");
    expect(told).toEqual([]);
    await served.start(source);
    await until(() => states.includes("back"), "it is back");
    expect(told).toEqual([
      { type: "authority" },
      { type: "broadcast", document: new Uint8Array(fleet.door.trust().authority.bytes) },
      { type: "beacon", document: new Uint8Array(fleet.door.beacon()), parts: [] },
      { type: "standing", number: 2 },
      { type: "standing", number: 3 },
    ]);
    expect(link.standing(2)).toEqual(AT("isolate"));
    expect(await link.handle(1, utf8("x"))).toEqual([]);
  });

  test("a service that is started anew gives a new ticket seed", async () => {
    const { source } = await tableServed();
    const { link, states } = await gateway();
    await served.stop();
    const another = new Uint8Array(32).fill(5);
    const renewed: FleetLink = { ...source.link, ticketSeed: () => another };
    await served.start({
      link: renewed,
      numbers: () => [],
      authority: (version) => source.authority(version),
    });
    await until(() => states.includes("back"), "it is back");
    expect(link.ticketSeed()).toEqual(another);
  });

  test("P1: another fleet's service in its place is not believed, and said to be another's", async () => {
    const { source } = await tableServed();
    source.set(1, AT("isolate"));
    const { link, states } = await gateway();
    await served.stop();
    const stranger = new TableSource(await SmallFleet.open({ label: "stranger" }));
    stranger.set(1, AT("none"));
    await served.start(stranger);
    await until(() => states.some((text) => text.includes("another fleet")), "it says so");
    expect(link.standing(1)).toEqual(AT("isolate"));
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({ code: "link-down" });
  });

  test("where none ever was, opening says so", async () => {
    const options = { path: served.path, clock: systemClock, crypto: nodeCrypto };
    await expect(RemoteLink.open(options)).rejects.toMatchObject({ code: "link-down" });
  });

  test("P11: a service that never answers is given up, at the start and later", async () => {
    const clock = new JumpClock();
    const options = { path: served.path, clock, crypto: nodeCrypto };
    const server = await mute();
    const opening = RemoteLink.open(options);
    await until(() => sockets.length === 1, "it is connected");
    clock.advance(30_000);
    await expect(opening).rejects.toMatchObject({ message: "the service does not answer" });
    await new Promise((closed) => server.close(closed));

    const { source } = await tableServed();
    const { link, states } = await gateway({ clock });
    source.reply = () => new Promise(() => undefined);
    const asked = link.handle(1, utf8("x"));
    clock.advance(30_000);
    await expect(asked).rejects.toMatchObject({ code: "link-down" });
    clock.advance(2_000); // the pause before the next try
    await until(() => states.includes("back"), "it is back");
  });
});

describe("who connects", () => {
  test("only the owner of the folder can: the socket is his alone from the start", async () => {
    await tableServed();
    expect((await stat(served.path)).mode & 0o777).toBe(0o600);
    expect(process.umask()).not.toBe(0o177);
  });

  test("the socket of a dead server is replaced, and gone after a stop", async () => {
    await writeFile(served.path, "");
    await tableServed();
    await gateway();
    await served.stop();
    expect(await readdir(folder)).toEqual([]);
  });

  test("a path that no system takes is said to be too long", async () => {
    const fleet = await SmallFleet.open();
    const far = new Served(join(folder, "x".repeat(100)));
    await expect(far.start(new TableSource(fleet))).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringContaining("shorter path"),
    });
  });

  test.each([
    ["an HTTP request", utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a packet with nothing in it", new Uint8Array(4)],
    ["a message that no gateway sends", Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 4, 0x82, 0x18, 99, 0xa0)],
    ["CBOR that is none", Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 1, 0xff)],
  ])("%s is cut off, and harms nobody", async (_, bytes) => {
    await tableServed();
    const { link } = await gateway();
    const stranger = raw();
    stranger.resume().write(bytes);
    await once(stranger, "close");
    expect(served.problems).toEqual([expect.stringContaining("does not speak as a gateway")]);
    expect(await link.handle(1, utf8("x"))).toEqual([]);
  });

  test("P11: a gateway that takes nothing is cut at a bound, and the others miss nothing", async () => {
    const { source } = await tableServed();
    const { told } = await gateway();
    const stuck = raw();
    await once(stuck, "connect");
    stuck.pause();
    let closed = false;
    stuck.once("close", () => (closed = true));
    const document = new Uint8Array(60_000);
    let sent = 0;
    while (served.problems.length === 0) {
      source.tell({ type: "broadcast", document });
      sent += 1;
      expect(sent).toBeLessThan(1_000);
      await until(() => told.length === sent, "the other gateway has it");
    }
    expect(served.problems).toEqual([expect.stringContaining("does not take what it is told")]);
    stuck.resume(); // it sees the end only behind what the system still held for it
    await until(() => closed, "it was cut");
  });

  test("P11: what the service does not take is rejected at a bound", async () => {
    const { source } = await tableServed();
    const { link } = await gateway();
    const answers: Promise<unknown>[] = [];
    for (let bytes = 0; bytes < 18 * 2 ** 20; bytes += 65_536)
      answers.push(link.handle(1, new Uint8Array(65_536)));
    const ends = await Promise.allSettled(answers);
    expect(ends[0]?.status).toBe("fulfilled");
    expect(ends.at(-1)).toMatchObject({ reason: { code: "link-busy" } });
    expect(await source.link.handle(1, utf8("x"))).toEqual(await link.handle(1, utf8("x")));
  });

  test("P11: more questions than may be open are left unread until some were answered", async () => {
    const { source } = await tableServed();
    const { link } = await gateway();
    let open = 0;
    let most = 0;
    const held: (() => void)[] = [];
    source.reply = async () => {
      most = Math.max(most, ++open);
      await new Promise<void>((go) => held.push(go));
      open -= 1;
      return [];
    };
    const message = new Uint8Array(8_192); // so that few come in one read
    const answers = Array.from({ length: 1_500 }, () => link.handle(1, message));
    await until(() => open >= 1_024, "as many are open as may");
    let answered = false;
    const all = Promise.all(answers).then(() => (answered = true));
    await until(() => {
      for (const go of held.splice(0)) go();
      return answered;
    }, "all are answered");
    await all;
    expect(most).toBeLessThan(1_100);
  });
});

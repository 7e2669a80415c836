/** In front of the handshake: who may begin one, and that nobody is kept waiting by somebody else's connections. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { DEVICE, LDEVID, Stage } from "./harness.js";

let stage: Stage;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stage.close();
});

/** The first bytes of a TLS ClientHello record of 512 bytes. */
const HALF_HELLO = Uint8Array.of(22, 3, 1, 2, 0, 1, 0);

/** A TCP connection from another address of this machine. */
async function stranger(localAddress = "127.0.0.9"): Promise<Socket> {
  const socket = connect({ port: stage.gateway.port, host: "127.0.0.1", localAddress });
  sockets.push(socket);
  socket.on("error", () => undefined); // a reset is how these end
  await new Promise((done) => socket.once("connect", done).once("close", done));
  return socket;
}

const gone = (socket: Socket) =>
  new Promise<void>((done) => (socket.closed ? done() : socket.resume().once("close", () => done())));
const waiting = async () =>
  (await stage.gateway.metrics.getMetricsAsJSON()).find(
    ({ name }) => name === "daymark_gateway_waiting_handshakes",
  );

describe("what is no TLS costs no handshake", () => {
  test.each([
    ["plain text", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a record of another kind", Uint8Array.of(23, 3, 3, 0, 5, 1)],
    ["a handshake message of another kind", Uint8Array.of(22, 3, 1, 0, 5, 2)],
    ["an empty record", Uint8Array.of(22, 3, 1, 0, 0)],
    ["a record that is too long", Uint8Array.of(22, 3, 1, 64, 1)],
  ])("%s", async (_name, bytes) => {
    stage = await Stage.open();
    const socket = await stranger();
    socket.write(bytes);
    await gone(socket);
    const why = "what it sent is no TLS ClientHello";
    expect(await stage.event({ type: "refused", code: "no-tls" })).toMatchObject({ why });
  });

  test("a hello that does not come, or not whole, is waited for no longer than all have", async () => {
    stage = await Stage.open();
    const [silent, half, slow] = [await stranger(), await stranger(), await stranger()];
    half.write(HALF_HELLO);
    for (const byte of HALF_HELLO.subarray(0, 3)) slow.write(Uint8Array.of(byte));
    const device = await stage.device(); // is served while they sit there
    stage.clock.advance(5_000);
    await Promise.all([gone(silent), gone(half), gone(slow)]);
    expect(stage.events.filter((event) => event.type === "refused")).toHaveLength(3);
    expect(device.closed).toBe(false);
  });
});

test("where devices come from, a few begin at once, and who comes beside them is looked at", async () => {
  stage = await Stage.open();
  const plain = async () => {
    const socket = await stranger("127.0.0.1");
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await gone(socket);
    return stage.events.findLast((event) => event.type === "refused");
  };
  expect(await plain()).toMatchObject({ code: "no-tls" });
  await stage.device();
  expect(await plain()).toMatchObject({ code: "tls" });
  for (let i = 0; i < 8; i++) await stranger("127.0.0.1"); // begun, and silent
  expect(await plain()).toMatchObject({ code: "no-tls" });
});

test("a hello that comes in pieces is a hello", async () => {
  stage = await Stage.open();
  const whole = await firstFlight();
  const socket = await stranger();
  for (let at = 0; at < whole.length; at += 100) {
    socket.write(whole.subarray(at, at + 100));
    await new Promise((done) => setImmediate(done));
  }
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer[0]).toBe(22); // the gateway's own handshake record
});

/** What a TLS client sends first. */
async function firstFlight(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  const client = tlsConnect({ port: address.port, host: "127.0.0.1", minVersion: "TLSv1.3" });
  client.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [Socket];
  const [bytes] = (await once(accepted, "data")) as [Buffer];
  accepted.destroy();
  client.destroy();
  server.close();
  return bytes;
}

test("one network that connects again and again is sent away, and another one is not", async () => {
  stage = await Stage.open({ limits: { perAddress: { perSecond: 0.001, burst: 3 } } });
  const first = [await stranger(), await stranger(), await stranger()];
  const fourth = await stranger();
  await gone(fourth);
  await stage.event({ type: "refused", code: "address-rate" });
  expect(first.map(({ closed }) => closed)).toEqual([false, false, false]);
  await stage.device(DEVICE, LDEVID);
});

describe("when handshakes come faster than they may", () => {
  const hello = async (localAddress: string, bytes: Uint8Array) => {
    const socket = await stranger(localAddress);
    socket.write(bytes);
    return socket;
  };

  test("they wait for their turn, networks one after the other", async () => {
    stage = await Stage.open({ limits: { handshakes: { perSecond: 0.5, burst: 1 } } });
    const bytes = await firstFlight();
    await once(await hello("127.0.0.9", bytes), "data"); // the one that there was
    const [second, third] = [await hello("127.0.0.9", bytes), await hello("127.0.0.9", bytes)];
    const other = await hello("127.0.0.10", bytes);
    await expect.poll(waiting).toMatchObject({ values: [{ value: 3 }] });
    const served: string[] = [];
    for (const [name, socket] of Object.entries({ second, third, other }))
      socket.once("data", () => served.push(name));
    for (const count of [1, 2, 3]) {
      stage.clock.advance(2_000);
      await expect.poll(() => served).toHaveLength(count);
    }
    expect(served).toEqual(["second", "other", "third"]);
  });

  test("who finds no place, or waits for too long, is sent away", async () => {
    stage = await Stage.open({ limits: { handshakes: { perSecond: 0.01, burst: 1 }, maxWaiting: 2 } });
    const bytes = await firstFlight();
    await once(await hello("127.0.0.9", bytes), "data");
    const patient = [await hello("127.0.0.9", bytes), await hello("127.0.0.9", bytes)];
    await expect.poll(waiting).toMatchObject({ values: [{ value: 2 }] });
    const late = await hello("127.0.0.9", bytes);
    await gone(late);
    expect(await stage.event({ type: "refused", code: "overloaded" })).toMatchObject({
      why: "too many connections wait for their handshake",
    });
    stage.clock.advance(100_000);
    await Promise.all(patient.slice(0, 1).map(gone));
    expect(stage.events.at(-1)).toMatchObject({ why: "waited for its handshake for too long" });
  });

  test("one network has so many under way, and no more until one of them is done; another one has its own", async () => {
    stage = await Stage.open();
    const bytes = await firstFlight();
    const begun = await Promise.all(Array.from({ length: 64 }, () => hello("127.0.0.9", bytes)));
    await Promise.all(begun.map((socket) => once(socket, "data"))); // and none of them goes on
    const next = await hello("127.0.0.9", bytes);
    await expect.poll(waiting).toMatchObject({ values: [{ value: 1 }] });
    await once(await hello("127.0.0.10", bytes), "data");
    await stage.device();
    expect(await waiting()).toMatchObject({ values: [{ value: 1 }] });
    begun[7]?.destroy();
    await once(next, "data");
  });

  test("who leaves gives up its place", async () => {
    stage = await Stage.open({ limits: { handshakes: { perSecond: 0.01, burst: 1 } } });
    const bytes = await firstFlight();
    await once(await hello("127.0.0.9", bytes), "data");
    const socket = await hello("127.0.0.9", bytes);
    await expect.poll(waiting).toMatchObject({ values: [{ value: 1 }] });
    socket.resetAndDestroy();
    await expect.poll(waiting).toMatchObject({ values: [{ value: 0 }] });
  });
});

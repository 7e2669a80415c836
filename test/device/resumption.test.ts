/** TLS sessions that a device resumes: with whom, as whom, for how long, and that all is judged again (P1, P9). */
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connect as tlsConnect,
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { MqttTransport, type MqttTransportOptions } from "../../device/adapters/mqtt-transport.js";
import { TlsSessions } from "../../device/adapters/tls-sessions.js";
import type { Door } from "../../device/ports.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import { topicsOf } from "../../protocol/topics.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { DAY, type Member, NOW, testFleet, testKey } from "../x509/helpers.js";

const fleet = testFleet("ES256");
const DEVICE = 4711;
const topics = topicsOf(toHex(fleet.fleetId));
/** Packet types of MQTT 3.1.1 §2.2.1. */
const CONNECT = 1;
const PUBLISH = 3;
const SUBSCRIBE = 8;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function keyOf(label: string): string {
  const key = privateKeyObject(testKey("ES256", `fleet ${label}`, nodeCrypto));
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function pemOf(...members: readonly Member[]): string {
  return certificatesToPem(...members.map(({ certificate }) => certificate));
}

interface PierOptions {
  readonly port: number;
  /** Shown with its issuer. */
  readonly member: Member;
  /** Of the member's key. */
  readonly label: string;
  /** Gateways with the same number read each other's tickets. */
  readonly tickets: number;
}

/** What a server saw of one connection that finished its handshake. */
interface Seen {
  readonly resumed: boolean;
  readonly from: string | undefined;
  /** The client's certificate as the server knows it: in a resumed session, from the ticket. */
  readonly shown: Uint8Array | undefined;
  /** Inside TLS. */
  bytes: number;
}

/** A TLS server with tickets that speaks just enough MQTT 3.1.1 to grant and to refuse. */
class Pier {
  readonly seen: Seen[] = [];
  /** What it does with a login: the return code of the CONNACK (MQTT 3.1.1 §3.2.2.3), or no answer and the end. */
  login: number | "ends" = 0;
  /** A topic that may not be subscribed to. */
  refuses = "";
  /** So many of the next connections end before TLS begins. */
  cuts = 0;
  port = 0;
  readonly #tls: TlsServer;
  readonly #tcp: TcpServer;

  static async open(options: Partial<PierOptions> = {}): Promise<Pier> {
    const pier = new Pier({ port: 0, member: fleet.gateway, label: "gateway 1", tickets: 7, ...options });
    await once(pier.#tcp, "listening");
    pier.port = (pier.#tcp.address() as AddressInfo).port;
    closing.push(() => pier.close());
    return pier;
  }

  private constructor({ port, member, label, tickets }: PierOptions) {
    const asks = { requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.3" } as const;
    const shows = { cert: pemOf(member, fleet.serviceCa), key: keyOf(label) };
    this.#tls = createTlsServer({ ...asks, ...shows, ticketKeys: Buffer.alloc(48, tickets) });
    this.#tls.on("secureConnection", (socket) => this.#serve(socket));
    this.#tcp = createTcpServer((socket) => {
      if (this.cuts-- > 0) socket.destroy();
      else this.#tls.emit("connection", socket);
    });
    this.#tcp.listen(port, "127.0.0.1");
  }

  get resumed(): readonly boolean[] {
    return this.seen.map(({ resumed }) => resumed);
  }

  /** Resolves when all connections have ended. */
  async close(): Promise<void> {
    if (!this.#tcp.listening) return;
    this.#tcp.close();
    await once(this.#tcp, "close");
  }

  #serve(socket: TLSSocket): void {
    const shown = socket.getPeerX509Certificate()?.raw;
    const seen: Seen = {
      resumed: socket.isSessionReused(),
      from: socket.remoteAddress,
      shown: shown && new Uint8Array(shown),
      bytes: 0,
    };
    this.seen.push(seen);
    let rest = Buffer.alloc(0);
    socket.on("error", () => undefined); // a reset is how some of these end
    socket.on("data", (data: Buffer) => {
      seen.bytes += data.length;
      rest = Buffer.concat([rest, data]);
      while (rest.length >= lengthOf(rest)) {
        this.#answer(socket, rest);
        rest = rest.subarray(lengthOf(rest));
      }
    });
  }

  #answer(socket: TLSSocket, packet: Buffer): void {
    const answer = (...bytes: readonly number[]) => socket.write(Buffer.from(bytes));
    const [first = 0, , high = 0, low = 0] = packet;
    switch (first >> 4) {
      case CONNECT:
        if (this.login === "ends") socket.destroy();
        else answer(0x20, 2, 0, this.login);
        return;
      case SUBSCRIBE: {
        const filter = packet.toString("utf8", 6, lengthOf(packet) - 1);
        answer(0x90, 3, high, low, filter === this.refuses ? 0x80 : 0);
        return;
      }
      case PUBLISH: {
        const id = 4 + packet.readUInt16BE(2); // behind the topic
        answer(0x40, 2, ...packet.subarray(id, id + 2));
      }
    }
  }
}

/** Of a packet with its header. No test sends one of more than 127 bytes (MQTT 3.1.1 §2.2.3). */
function lengthOf(packet: Buffer): number {
  return 2 + (packet[1] ?? 0);
}

type FrontDoor = Extract<Door, { readonly name: "front" }>;
type Verdict = ReturnType<FrontDoor["verify"]>;
type Identity = Pick<FrontDoor, "certificates" | "key">;

const AGAIN = "4711 again";
const renewed = fleet.member(AGAIN, { profile: "ldevid", ...fleet.holder(DEVICE, 2) }, fleet.deviceCa);
const LDEVID: Identity = { certificates: pemOf(fleet.ldevid, fleet.deviceCa), key: keyOf("4711") };
const RENEWED: Identity = { certificates: pemOf(renewed, fleet.deviceCa), key: keyOf(AGAIN) };
const LOBBY: Door = { name: "lobby", clientId: "lobby-1" };
/** What every pier here shows. */
const CHAIN = [fleet.gateway.certificate, fleet.serviceCa.certificate];

/** One device's way to a pier, and what it thinks of it. */
class Rower {
  /** The chains that the verifier was asked about. */
  readonly judged: (readonly Uint8Array[])[] = [];
  readonly refusals: Verdict[] = [];
  nowSeconds = NOW;
  trust = fleet.trust;
  readonly #transport: MqttTransport;

  constructor({ port }: Pier, more: Partial<MqttTransportOptions> = {}) {
    this.#transport = new MqttTransport({ host: "127.0.0.1", port, ...more });
  }

  front(identity: Identity): Door {
    return { name: "front", number: DEVICE, ...identity, verify: (chain) => this.#judge(chain) };
  }

  /** One connection from beginning to end; "served": the server answered two messages. */
  async visit(door = this.front(LDEVID)): Promise<"served" | "ended"> {
    const heard = new EventEmitter<{ opened: []; error: [Error] }>();
    const connection = this.#transport.connect(fleet.fleetId, door, {
      opened: () => heard.emit("opened"),
      serverRefused: (why) => this.refusals.push(why),
      received: () => undefined,
      closed: () => heard.listenerCount("error") > 0 && heard.emit("error", new Error("it ended")),
    });
    try {
      await once(heard, "opened");
      await connection.send(Uint8Array.of(1)); // answered after the grant of `down`, or its refusal
      await connection.send(Uint8Array.of(2)); // after the grant of the lobby's, where it comes to that
      return "served";
    } catch {
      return "ended";
    } finally {
      connection.close();
    }
  }

  async visits(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.visit();
  }

  #judge(chain: readonly Uint8Array[]): Verdict {
    this.judged.push(chain);
    try {
      const { window } = verifyChain(chain, this.trust, this.nowSeconds, nodeCrypto);
      return window === "current" ? "trusted" : "dates";
    } catch {
      return "chain";
    }
  }
}

describe("a device that comes back", () => {
  test("P1: resumes, once its verifier has judged the whole chain again", async () => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    await rower.visits(3);
    expect(pier.resumed).toEqual([false, true, true]);
    expect(rower.judged).toEqual([CHAIN, CHAIN, CHAIN]); // in a resumed handshake the server showed none of it
    expect(pier.seen.map(({ shown }) => shown)).toEqual(Array(3).fill(fleet.ldevid.certificate));
  });

  test.each([
    ["dates", (rower: Rower) => (rower.nowSeconds += 100 * DAY)],
    ["chain", (rower: Rower) => (rower.trust = testFleet("ES256", nodeCrypto, "other").trust)],
  ] as const)(
    "P1: offers no session whose chain has the wrong %s by now; nor a byte",
    async (why, changes) => {
      const pier = await Pier.open();
      const rower = new Rower(pier);
      await rower.visit();
      changes(rower);
      expect(await rower.visit()).toBe("ended");
      expect(rower.refusals).toEqual([why]);
      expect(rower.judged).toEqual([CHAIN, CHAIN, CHAIN]); // as shown, as kept, and as shown again
      await pier.close();
      expect(pier.seen.slice(1).filter(({ resumed, bytes }) => resumed || bytes > 0)).toEqual([]);
    },
  );

  test("P9: is not turned away by dates that the gateway has long renewed", async () => {
    const before = await Pier.open();
    const rower = new Rower(before);
    await rower.visit();
    await before.close();
    const identity = { profile: "gateway", ...fleet.holder(1), hosts: ["127.0.0.1"] } as const;
    const days = { notBeforeSeconds: NOW, notAfterSeconds: NOW + 200 * DAY };
    const member = fleet.member("gateway renewed", identity, fleet.serviceCa, days);
    const after = await Pier.open({ port: before.port, member, label: "gateway renewed" });
    rower.nowSeconds += 100 * DAY;
    expect(await rower.visit()).toBe("served");
    expect(after.resumed).toEqual([false]);
    expect(rower.refusals).toEqual([]);
  });
});

describe("the next handshake is full after", () => {
  test.each([
    ["a login that was refused", (pier: Pier): unknown => (pier.login = 5)],
    ["a login without an answer", (pier: Pier): unknown => (pier.login = "ends")],
    ["a gateway that knows it for nobody", (pier: Pier): unknown => (pier.refuses = topics.down(DEVICE))],
  ] as const)("%s, be it the first or one that resumed", async (_, turns) => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    turns(pier);
    await rower.visits(2);
    [pier.login, pier.refuses] = [0, ""];
    await rower.visit();
    expect(pier.resumed).toEqual([false, false, false]);
    turns(pier);
    await rower.visit();
    [pier.login, pier.refuses] = [0, ""];
    await rower.visit();
    expect(pier.resumed).toEqual([false, false, false, true, false]);
  });

  test("P9: three connections that ended before TLS did; not after two, nor after a gateway that was away", async () => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    await rower.visit();
    for (let round = 0; round < 2; round++) {
      pier.cuts = 2;
      await rower.visits(3);
    }
    expect(pier.resumed).toEqual([false, true, true]);
    await pier.close();
    await rower.visits(4);
    const back = await Pier.open({ port: pier.port });
    await rower.visit();
    back.cuts = 3;
    await rower.visits(4);
    expect(back.resumed).toEqual([true, false]);
  });
});

describe("a session is for", () => {
  test("P7: the certificate that began it: a new one is shown, and the old one's session is gone", async () => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    for (const identity of [LDEVID, RENEWED, RENEWED, LDEVID]) await rower.visit(rower.front(identity));
    expect(pier.resumed).toEqual([false, false, true, false]);
    const [old, next] = [fleet.ldevid.certificate, renewed.certificate];
    expect(pier.seen.map(({ shown }) => shown)).toEqual([old, next, next, old]);
  });

  test("the front door: the lobby resumes none, begins none, and is shown no certificate", async () => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    await rower.visit();
    for (let i = 0; i < 2; i++) expect(await rower.visit(LOBBY)).toBe("served");
    await rower.visit();
    expect(pier.resumed).toEqual([false, false, false, true]);
    expect(pier.seen.slice(1, 3).map(({ shown }) => shown)).toEqual([undefined, undefined]);
    expect(rower.judged).toHaveLength(2);
  });

  test("all gateways that share its keys; one that does not shows who it is", async () => {
    const pier = await Pier.open();
    const rower = new Rower(pier);
    await rower.visit();
    await pier.close();
    const [member, label] = [fleet.service, "observer"];
    const sharing = await Pier.open({ port: pier.port, member, label });
    await rower.visit();
    expect(sharing.resumed).toEqual([true]);
    await sharing.close();
    const other = await Pier.open({ port: pier.port, member, label, tickets: 8 });
    await rower.visit();
    expect(other.resumed).toEqual([false]);
    expect(rower.judged.slice(1)).toEqual([CHAIN, CHAIN, [fleet.service.certificate, CHAIN[1]]]);
  });
});

test("a ticket that comes with a resumed session is let go: each chain of tickets begins with a proof of the key", async () => {
  const folder = mkdtempSync(join(tmpdir(), "daymark-resumption-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, pemOf(fleet.gateway));
  writeFileSync(key, keyOf("gateway 1"));
  // Node's servers give no such ticket; OpenSSL's do.
  const args = ["s_server", "-accept", "127.0.0.1:0", "-www", "-tls1_3", "-cert", cert, "-key", key];
  const server = spawn("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });
  closing.push(() => {
    server.kill();
    rmSync(folder, { recursive: true });
  });
  const port = await new Promise<number>((found, failed) => {
    let said = "";
    server.once("error", failed).stdout.on("data", (text) => {
      const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec((said += String(text)))?.[1];
      if (port) found(Number(port));
    });
  });
  const sessions = new TlsSessions();
  /** @returns the session that it offered. */
  const visit = async (tickets: number) => {
    const attempt = sessions.attempt({ name: "front", number: DEVICE, ...LDEVID, verify: () => "trusted" });
    const socket = tlsConnect({ port, ...attempt.entry, rejectUnauthorized: false });
    const all = new Promise<void>((came) => {
      let count = 0;
      socket.on("session", () => ++count === tickets && came());
    });
    await once(socket, "secureConnect");
    expect(socket.isSessionReused()).toBe(attempt.entry.session !== undefined);
    expect(attempt.judge(socket)).toBe("trusted");
    attempt.taken();
    await all;
    socket.destroy();
    return attempt.entry.session;
  };
  expect(await visit(2)).toBeUndefined(); // OpenSSL gives two after a full handshake, one after the other
  const offered = await visit(1);
  expect(offered).toBeDefined();
  expect(await visit(1)).toBe(offered);
});

test("one secure context for each identity, however often it connects", () => {
  const sessions = new TlsSessions();
  const contextOf = (identity: Identity) => {
    const verify = () => "trusted" as const;
    return sessions.attempt({ name: "front", number: DEVICE, ...identity, verify }).entry.secureContext;
  };
  const context = contextOf(LDEVID);
  expect(contextOf({ ...LDEVID })).toBe(context);
  expect(contextOf(RENEWED)).not.toBe(context);
});

test("it comes from the address that it was told to", async () => {
  const pier = await Pier.open();
  await new Rower(pier, { localAddress: "127.0.0.2" }).visit();
  expect(pier.seen[0]?.from).toBe("127.0.0.2");
});

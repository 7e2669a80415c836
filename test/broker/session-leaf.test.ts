/** What OpenSSL keeps of a session, read without its help. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leafIn } from "../../broker/session-leaf.js";
import { type Identity, IDEVID, LDEVID, SERVICE } from "./harness.js";

const server = createServer({
  ...SERVICE,
  minVersion: "TLSv1.3",
  requestCert: true,
  rejectUnauthorized: false,
  ca: [],
});
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close());

interface Seen {
  readonly session: Buffer;
  readonly leaf: Uint8Array | undefined;
  readonly ticket: Buffer;
  readonly resumed: boolean;
}

/** One connection, as the server has it. */
async function seen(shown: Partial<Identity>, session?: Buffer): Promise<Seen> {
  const accepted = once(server, "secureConnection");
  const { port } = server.address() as AddressInfo;
  const client = connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...shown,
    ...(session && { session }),
  });
  const tickets = once(client, "session");
  const [socket] = (await accepted) as [TLSSocket];
  socket.on("error", () => undefined);
  const leaf = (socket.getPeerCertificate(false) as { raw?: Buffer } | null)?.raw;
  const its = socket.getSession();
  if (!its) throw new Error("a connection has a session");
  const resumed = socket.isSessionReused();
  const ticket = resumed ? Buffer.alloc(0) : ((await tickets)[0] as Buffer);
  client.destroy();
  socket.destroy();
  return { session: its, leaf: leaf && new Uint8Array(leaf), ticket, resumed };
}

test.each([
  ["an LDevID", LDEVID],
  ["an IDevID and its station", IDEVID],
])("the leaf is %s as it was shown, in a full handshake and in a resumed one", async (_name, shown) => {
  const full = await seen(shown);
  expect(leafIn(full.session)).toEqual(Buffer.from(full.leaf ?? []));
  const resumed = await seen(shown, full.ticket);
  expect(resumed.resumed).toBe(true);
  expect(leafIn(resumed.session)).toEqual(Buffer.from(full.leaf ?? []));
});

test("who showed none has none, also when it resumes", async () => {
  const full = await seen({});
  expect(leafIn(full.session)).toBe("none");
  expect(leafIn((await seen({}, full.ticket)).session)).toBe("none");
});

test("what is no such session is not read as one", async () => {
  const { session } = await seen(LDEVID);
  const leaf = leafIn(session) as Uint8Array;
  for (let length = 0; length < session.length; length++)
    expect(leafIn(session.subarray(0, length))).toBeUndefined();
  expect(leafIn(Buffer.concat([session, Buffer.of(0)]))).toBeUndefined();
  for (let at = 0; at < session.length; at++) {
    const changed = Buffer.from(session);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    // another leaf, none, or no session: never a leaf cut short
    expect([undefined, "none".length, leaf.length]).toContain(leafIn(changed)?.length);
  }
});

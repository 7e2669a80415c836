/** A connection to NATS is encrypted where that was asked for, or there is none. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, type NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { NatsServer } from "../nats/server.js";

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start();
});
afterAll(() => server.remove());

test.each<[string, (port: number) => Omit<NatsOptions, "name">]>([
  ["by tls://", (port) => ({ servers: [`tls://127.0.0.1:${port}`] })],
  ["of one server of two", (port) => ({ servers: [`127.0.0.1:${port}`, "tls://127.0.0.1:1"] })],
  ["by a key alone", (port) => ({ servers: [`127.0.0.1:${port}`], keyFile: "/nowhere/key.pem" })],
])("P1: TLS that was asked for %s is not left out by a server without it", async (_how, options) => {
  const connecting = connectNats({ ...options(server.port), name: "test" });
  await expect(connecting.then((nats) => nats.close())).rejects.toMatchObject({
    code: expect.stringMatching(/^(SERVER_OPT_NA|CONNECTION_REFUSED)$/) as string,
  });
});

test("nobody asked for it: a server on this machine is reached in the clear", async () => {
  const nats = await connectNats({ servers: [server.url], name: "test" });
  expect(nats.info?.tls_required ?? false).toBe(false);
  await nats.close();
});

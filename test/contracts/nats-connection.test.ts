/** A connection to NATS: encrypted where that was asked for, or none; and given up whole where nobody answers. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats, type NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { NatsServer } from "../nats/server.js";
import { until } from "../stories/harbor.js";

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

test("P11: a server that takes connections and says nothing costs no socket for longer than it is tried", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const open = new Set<unknown>();
  silent.on("connection", (socket) => {
    open.add(socket);
    socket.resume().on("close", () => open.delete(socket));
  });
  const connecting = connectNats({ servers: [`127.0.0.1:${port}`], name: "test" });
  await until(() => open.size === 1, "it is tried");
  await expect(connecting).rejects.toMatchObject({ code: "TIMEOUT" });
  await until(() => open.size === 0, "it is given up");
  silent.close();
});

test("P10: a bus whose server has just stopped answering is closed all the same", async () => {
  const frozen = await NatsServer.start();
  const bus = await NatsBus.connect({ servers: [frozen.url], name: "test" }, () => undefined);
  try {
    frozen.pause();
    await expect(bus.close()).resolves.toBeUndefined();
  } finally {
    frozen.resume();
    await frozen.remove();
  }
});

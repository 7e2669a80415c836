/** The link to a station inside a server: what an operator reads when it does not work, and what leaves the machine. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { httpStationLink } from "../../device/adapters/http-station-link.js";
import { utf8 } from "../../protocol/bytes.js";

const TOKEN = "the-operators-secret";
let folder: string;
let tokenFile: string;
let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-station-link-"));
  tokenFile = join(folder, "token");
  await writeFile(tokenFile, `${TOKEN}\n`);
  server = createServer((request, response) => answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

const say =
  (status: number, body: string): typeof answer =>
  (_, response) =>
    response.writeHead(status).end(body);
const half: typeof answer = (_, response) =>
  response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy());
const refusal = async () => {
  const link = await httpStationLink(url, tokenFile);
  return link(utf8("hello")).then(
    () => "no error",
    (error: Error) => ({ code: "code" in error && error.code, text: error.message }),
  );
};

test("carries the message, the token and the answer", async () => {
  const got: unknown[] = [];
  answer = (request, response) => {
    got.push(request.method, request.url, request.headers.authorization, request.headers["content-type"]);
    request.pipe(response);
  };
  const link = await httpStationLink(`${url}/anything`, tokenFile);
  expect(await link(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  expect(got).toEqual(["POST", "/v1/station", `Bearer ${TOKEN}`, "application/octet-stream"]);
});

describe("says what is wrong, and never the token:", () => {
  test.each<[string, () => typeof answer, string]>([
    [
      "the station's own words",
      () => say(409, `{"detail":"born with another key"}`),
      "answered 409: born with another key",
    ],
    ["a refusal without words", () => say(401, `{"title":"x"}`), "answered 401: no reason given"],
    ["something that is no station", () => say(502, "<html>"), "answered 502: no reason given"],
    ["words that are no text", () => say(500, `{"detail":{"token":1}}`), "answered 500: no reason given"],
    ["an answer without end", () => say(200, "x".repeat(65_537)), "is no station: too many bytes"],
    ["a line that breaks", () => (request) => request.destroy(), "no station answers at"],
    ["a line that breaks halfway", () => half, "no station answers at"],
  ])("%s", async (_, how, text) => {
    answer = how();
    expect(await refusal()).toEqual({ code: "birth-refused", text: expect.stringContaining(text) });
    expect(JSON.stringify(await refusal())).not.toContain(TOKEN);
  });

  test("nobody there: what to start", async () => {
    server.close();
    await once(server, "close");
    const text = expect.stringMatching(
      /^no station answers at http:\/\/127\.0\.0\.1:\d+; .*daymark server run$/,
    );
    expect(await refusal()).toEqual({ code: "birth-refused", text });
  });

  test("no token file", async () => {
    await expect(httpStationLink(url, join(folder, "none"))).rejects.toEqual(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });
});

test.each(["http://192.0.2.1:8080", "http://station.example", "http://127.0.0.1.example", "ftp://127.0.0.1"])(
  "the token does not cross a network in the clear: %s",
  async (address) => {
    await expect(httpStationLink(address, tokenFile)).rejects.toEqual(
      expect.objectContaining({ code: "birth-refused" }),
    );
  },
);
test.each(["https://station.example", "http://localhost:1", "http://[::1]:1"])(
  "%s is a way",
  async (address) => {
    expect(await httpStationLink(address, tokenFile)).toBeTypeOf("function");
  },
);

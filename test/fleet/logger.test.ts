/** What a server says while it runs: words or JSON lines, and never a secret. */
import { createPrivateKey } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LoggerOptions, openLogger } from "../../fleet/adapters/logger.js";
import { FleetError } from "../../fleet/errors.js";
import { allowedFields, errorFields, type LogFields, logWords } from "../../fleet/operations/log-fields.js";
import { BusError } from "../../protocol/bus.js";
import { ProtocolError } from "../../protocol/errors.js";
import { CliProcess } from "./cli-process.js";
import { temporaryFolder } from "./served-fleet.js";

function logger(options: Partial<LoggerOptions> = {}) {
  const stream = new PassThrough();
  const usual = { stream, format: "json", level: "info", service: "server", ...options } as const;
  const log = openLogger(usual, (error) => `in words: ${(error as Error).message}`);
  return { log, said: () => String(stream.read() ?? "") };
}

describe("JSON lines", () => {
  test("have time, level, who says it, what happened, and words", () => {
    const { log, said } = logger();
    log.ofFleet("00".repeat(16));
    log.say("started", "it runs", { api: "http://127.0.0.1:1" });
    const line = JSON.parse(said());
    expect(line).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: "server",
      pid: process.pid,
      fleet: "00".repeat(16),
      event: "started",
      api: "http://127.0.0.1:1",
      msg: "it runs",
    });
  });
  test("below the level nothing is said", () => {
    const { log, said } = logger({ level: "warn" });
    log.say("started", "a");
    log.say("fenced", "b");
    expect(said().match(/"event":"\w+"/g)).toEqual(['"event":"fenced"']);
  });
  test("words are no format, and one line whatever is in them", () => {
    const { log, said } = logger();
    log.say("started", "100 %s %o\n{}\u001b[31m");
    const text = said();
    expect(text.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(text).msg).toBe("100 %s %o?{}?[31m");
  });
  test("of an error the code, and its text only where that was written to be shown", () => {
    const { log, said } = logger();
    log.problem("api-failed", "API", new FleetError("storage-failed", "the disk is full"));
    log.problem("api-failed", "API", new TypeError("key 0123abcd"));
    const [known, unknown] = said()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(known).toMatchObject({ level: "error", code: "storage-failed", msg: "API: the disk is full" });
    expect(unknown).toMatchObject({ code: "internal", msg: "API: a mistake of ours: TypeError" });
    expect(unknown.stack).toContain("logger.test.ts");
    expect(JSON.stringify(unknown)).not.toContain("0123abcd");
  });
});

describe("text", () => {
  test("is for people: the words, and the error's own", () => {
    const { log, said } = logger({ format: "text" });
    log.say("started", "it runs", { api: "x" });
    log.say("fact", "too much");
    log.problem("api-failed", "API", new Error("no"));
    expect(said()).toBe("it runs\nAPI: in words: no\n");
  });
});

describe("fields", () => {
  test("only those on the list, and of their type", () => {
    const given = { code: "denied", token: "secret", position: "7", device: 7, __proto__: { api: "x" } };
    expect(allowedFields(given as unknown as LogFields)).toEqual({ code: "denied", device: 7 });
  });
  test("texts are printable and cut", () => {
    expect(allowedFields({ api: `a\u0000\u202e\ud800${"x".repeat(600)}` }).api).toMatch(/^a\?\?\?x{508}…$/);
    expect(logWords("x".repeat(2_000))).toHaveLength(1_025);
  });
  test.each([
    [new FleetError("denied", "no"), { words: "no", fields: { code: "denied" } }],
    [new ProtocolError("malformed", "bad"), { words: "bad", fields: { code: "malformed" } }],
    [new BusError("timeout", "late"), { words: "late", fields: { code: "timeout" } }],
    [
      Object.assign(new Error("open '/secret'"), { code: "ENOENT" }),
      { words: "Error ENOENT", fields: { code: "ENOENT" } },
    ],
    ["thrown text", { words: "something that is no error was thrown", fields: {} }],
  ])("%s", (error, told) => expect(errorFields(error)).toEqual(told));
});

describe("a whole run", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let said: string;
  const REASON = "payload-4711";
  beforeAll(async () => {
    folder = await temporaryFolder();
    const ports = ["--mqtt-port", "0", "--api-port", "0", "--health-port", "0"];
    const json = ["--log-format", "json", "--log-level", "debug"];
    const server = new CliProcess(folder.path, ["server", "run", ...ports, ...json, "-j"]);
    try {
      const { api, health } = await server.ready<{ readonly api: string; readonly health: string }>();
      const token = await readFile(join(folder.path, "daymark-data/fleet/tokens/admin"), "utf8");
      const station = ["--station", api, "--token-file", "daymark-data/fleet/tokens/admin"];
      const birth = ["device", "birth", "--dir", "camera", "--hardware-id", "SN-0001", ...station];
      await new CliProcess(folder.path, birth).end();
      const headers = { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" };
      const body = JSON.stringify({ match: "number = 1", level: "observe", reason: REASON });
      await fetch(new URL("/v1/advisories", api), { method: "POST", headers, body });
      await fetch(new URL("/v1/advisories", api), { method: "POST", headers, body: "{" });
      await fetch(new URL("/readyz", health));
    } finally {
      server.signal("SIGTERM");
      said = (await server.end()).stderr;
    }
  });
  afterAll(() => folder.remove());

  test("is JSON line by line, with the fleet once it is known", () => {
    const lines = said
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ event }) => event)).toEqual(expect.arrayContaining(["started", "fact", "stopping"]));
    for (const line of lines) expect(line).toMatchObject({ service: "server", fleet: expect.any(String) });
    expect(lines).toContainEqual(expect.objectContaining({ fact: "device-imported", device: 1 }));
  });

  test("holds no secret of the data folder, in any usual form, and nothing that somebody wrote", async () => {
    const secrets = await secretsOf(join(folder.path, "daymark-data/fleet"));
    expect(secrets.length).toBeGreaterThan(10);
    const forms = secrets.flatMap((secret) => [
      secret.toString("hex"),
      secret.toString("hex").toUpperCase(),
      secret.toString("base64").replaceAll("=", ""),
      secret.toString("base64url"),
    ]);
    for (const form of [...forms, REASON, "PRIVATE KEY", "Bearer"]) expect(said).not.toContain(form);
  });

  /** Private scalars, tokens as written and as bytes, and the secret of sync tokens. */
  async function secretsOf(fleet: string): Promise<readonly Buffer[]> {
    const contents = async (name: string) => {
      const files = await readdir(join(fleet, name), { withFileTypes: true });
      const paths = files.filter((file) => file.isFile()).map((file) => join(fleet, name, file.name));
      return Promise.all(paths.map((path) => readFile(path)));
    };
    const keys = (await contents("keys")).map(
      (bytes) =>
        bytes.includes("PRIVATE KEY")
          ? Buffer.from(String(createPrivateKey(bytes).export({ format: "jwk" }).d), "base64url")
          : Buffer.from(bytes.toString("utf8").trim(), "hex"), // token.secret
    );
    for (const key of keys) expect(key).toHaveLength(32);
    const tokens = (await contents("tokens")).map((bytes) => bytes.toString("utf8").trim());
    const written = tokens.flatMap((token) => [Buffer.from(token), Buffer.from(token, "base64url")]);
    return [...keys, ...written];
  }
});

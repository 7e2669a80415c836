/** docs/operations.md: its files are accepted by the programs that read them, and the machines that it draws up work. */
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { GatewayMetrics } from "../../broker/gateway-metrics.js";
import { checkConfig, readConfig } from "../../fleet/adapters/config-file.js";
import { ServiceMetrics } from "../../fleet/adapters/service-metrics.js";
import { settingsFrom } from "../../fleet/operations/configuration.js";
import { keyOf, SETTING_NAMES } from "../../fleet/operations/settings.js";
import { temporaryFolder } from "../fleet/served-fleet.js";
import { between, readDocument } from "./markdown.js";
import { OPERATIONS_DOCUMENT, OPERATIONS_TABLES } from "./settings-table.js";

const FILES = join(import.meta.dirname, "../../docs/operations");
const DOCUMENT = readDocument(OPERATIONS_DOCUMENT);
const ENV = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
const run = promisify(execFile);
const named = async (end: string) => (await readdir(FILES)).filter((name) => name.endsWith(end));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe("the document", () => {
  test.each([...OPERATIONS_TABLES])("has the %s of the source", (name, text) => {
    expect(between(DOCUMENT, name)).toBe(text);
  });
  test("names every file, and no other", async () => {
    const links = [...DOCUMENT.matchAll(/\]\(operations\/([^)]+)\)/g)].map(([, name]) => name);
    expect(new Set(links)).toEqual(new Set(await readdir(FILES)));
  });
  test("and every other document that it leads to is there", async () => {
    const links = [...DOCUMENT.matchAll(/\]\(([a-z]+\.md)\)/g)].map(([, name]) => name!);
    expect(new Set(links)).toEqual(new Set(["audit.md", "backup.md"]));
    for (const name of links) expect(await readFile(join(FILES, "..", name), "utf8")).toMatch(/^# /);
  });
});

describe("its commands", () => {
  test("gateways beside a server take none of the ports that its file names", async () => {
    const file = await readConfig(join(FILES, "one-machine.yaml"));
    const [, typed = ""] = /`sudo -u daymark daymark gateway run ([^`]+)`/.exec(DOCUMENT) ?? [];
    const flags = Object.fromEntries(
      SETTING_NAMES.flatMap((name) => {
        const [, value] = new RegExp(`--${keyOf(name)} (\\S+)`).exec(typed) ?? [];
        return value === undefined ? [] : [[name, value]];
      }),
    );
    const server = settingsFrom("server", { flags: {}, env: {}, file });
    const beside = settingsFrom("gateway", { flags, env: {}, file });
    expect(beside.data).toBe(server.data);
    const taken = [server.mqttPort, server.apiPort, server.healthPort, server.metricsPort];
    const wanted = [beside.mqttPort, beside.healthPort, beside.metricsPort].filter(
      (port) => port !== undefined,
    );
    expect(wanted.length).toBeGreaterThan(1);
    expect(wanted.filter((port) => taken.includes(port))).toEqual([]);
  });
  test("make each folder that a unit writes in and systemd does not make", async () => {
    const asked: string[] = [];
    for (const name of await named(".service")) {
      const text = await readFile(join(FILES, name), "utf8");
      const paths = [...text.matchAll(/^ReadWritePaths=(.+)$/gm)].flatMap(([, line = ""]) => line.split(" "));
      const [, user = ""] = /^User=(.+)$/m.exec(text) ?? [];
      asked.push(...paths.map((path) => `\`install -d -o ${user} -g ${user} -m 700 ${path}\``));
    }
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((command) => !DOCUMENT.includes(command))).toEqual([]);
  });
});

test("every configuration of daymark holds", async () => {
  const files = (await named(".yaml")).filter((name) => name !== "alerts.yaml");
  expect(files).toHaveLength(4);
  for (const name of files) expect([name, await checkConfig(join(FILES, name))]).toEqual([name, []]);
});

describe("units", () => {
  /** The units with programs that are on this machine in place of ours. @returns what systemd says of them. */
  async function verify(change: (text: string) => string = (text) => text): Promise<string> {
    const at = join(folder.path, "units");
    await mkdir(join(at, "bin"), { recursive: true });
    for (const program of ["daymark", "nats-server"])
      await symlink("/bin/true", join(at, "bin", program)).catch(() => undefined);
    const names = [...(await named(".service")), ...(await named(".timer"))];
    for (const name of names) {
      const text = await readFile(join(FILES, name), "utf8");
      const local = text.replaceAll(/\/usr\/s?bin\/(daymark|nats-server)/g, join(at, "bin/$1"));
      await writeFile(join(at, name), change(local));
    }
    const paths = names.map((name) => join(at, name));
    const { stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", ...paths], { env: ENV });
    return stdout + stderr;
  }

  test("systemd-analyze verify has nothing to say", async () => {
    expect(await verify()).toBe("");
  });
  test("and it would", async () => {
    const wrong = (text: string) => text.replace("ProtectSystem=", "ProtectSytem=");
    expect(await verify(wrong)).toContain("ProtectSytem");
  });
  test("none of them runs as root, or with more than it needs", async () => {
    for (const name of await named(".service")) {
      const text = await readFile(join(FILES, name), "utf8");
      for (const line of [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "UMask=0077",
      ])
        expect([name, text.split("\n")]).toEqual([name, expect.arrayContaining([line])]);
      expect(text).toMatch(/^User=(daymark|nats)$/m);
    }
  });
});

test("nats-server takes its configuration, on each node", async () => {
  const tls = join(folder.path, "tls");
  await mkdir(tls);
  const req = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const out = ["-keyout", join(tls, "server.key"), "-out", join(tls, "server.crt")];
  await run("openssl", [...req, "-subj", "/CN=nats", "-days", "1", ...out]);
  await writeFile(join(tls, "ca.crt"), await readFile(join(tls, "server.crt")));
  await chmod(join(tls, "server.key"), 0o600);
  const conf = join(folder.path, "nats-server.conf");
  const text = await readFile(join(FILES, "nats-server.conf"), "utf8");
  await writeFile(
    conf,
    text.replaceAll("/etc/nats/tls", tls).replace("/var/lib/nats", join(folder.path, "js")),
  );
  for (const node of ["nats-1", "nats-2", "nats-3"]) {
    const env = { ...ENV, NATS_NODE: node };
    const { stderr } = await run("nats-server", ["-t", "-c", conf], { env });
    expect(stderr).toMatch(/configuration file .* is valid/);
  }
});

describe("alerts", () => {
  interface Rules {
    readonly groups: readonly {
      readonly rules: readonly { readonly alert: string; readonly expr: string }[];
    }[];
  }
  test("ask for metrics that there are, with labels that these have", async () => {
    const [service, gateway] = [new ServiceMetrics(), new GatewayMetrics()];
    service.watch({
      census: () => ({
        levels: { none: 0, observe: 0, restrict: 0, isolate: 0, revoked: 0 },
        enrolled: 0,
        leasesEnded: 0,
        unconfirmed: 0,
        longestUnconfirmedSeconds: 0,
        suspected: 0,
      }),
      position: () => 0,
      epoch: () => 0,
      isFenced: () => false,
      isReady: () => true,
    });
    service.observeAppend(1, "appended");
    const text = (await service.registry.metrics()) + (await gateway.registry.metrics());
    const served = new Set([...text.matchAll(/^(?:# TYPE )?(daymark_\w+)/gm)].map(([, name]) => name));
    const { groups } = parse(await readFile(join(FILES, "alerts.yaml"), "utf8")) as Rules;
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    const asked = [...rules.map(({ expr }) => expr), DOCUMENT].flatMap(
      (expr) => expr.match(/\bdaymark_[a-z_]+/g) ?? [],
    );
    expect(asked.filter((name) => !served.has(name))).toEqual([]);
  });
});

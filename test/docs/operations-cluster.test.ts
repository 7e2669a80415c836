/** The machines of docs/operations.md with its own files, on this one: only names, ports and paths are others. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { doctor } from "../../fleet/cli/commands/doctor.js";
import { CliProcess } from "../fleet/cli-process.js";
import { freePort } from "../free-port.js";
import { inProcess } from "../fleet/in-process.js";
import { temporaryFolder } from "../fleet/served-fleet.js";
import { until } from "../stories/harbor.js";

const FILES = join(import.meta.dirname, "../../docs/operations");
const NODES = ["nats-1", "nats-2", "nats-3"] as const;
const ENV = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
/** Nine processes come up, three of them choose a leader. */
const SLOW_MS = 240_000;
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** Of each node: for clients, and for the other nodes. */
let ports: { readonly client: number; readonly cluster: number }[];
const nodes: ChildProcess[] = [];
const commands: CliProcess[] = [];
const at = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(at("tls"));
  await makeCertificates();
  ports = await Promise.all(NODES.map(async () => ({ client: await freePort(), cluster: await freePort() })));
  for (const [i, name] of NODES.entries()) {
    await writeFile(at(`${name}.conf`), await natsConfiguration(i));
    const env = { ...ENV, NATS_NODE: name };
    nodes.push(spawn("nats-server", ["-c", at(`${name}.conf`)], { env, stdio: "ignore" }));
  }
}, SLOW_MS);
afterAll(async () => {
  await Promise.all(commands.map((command) => command.kill()));
  for (const node of nodes) {
    if (node.signalCode !== null) continue;
    const end = once(node, "close");
    node.kill("SIGKILL");
    await end;
  }
  await folder.remove();
});

test(
  "the cluster, a worker and a gateway of the document serve a device; a node may go",
  { timeout: SLOW_MS },
  async () => {
    await until(jetStreamAnswers, "the nodes have chosen a leader");
    const worker = await start("server", "worker.yaml", "--data", at("worker-1"), "--accept-log-loss");
    const { id, api } = await worker.ready<{ readonly id: string; readonly api: string }>();
    const gateway = await start(
      "gateway",
      "gateway-1.yaml",
      "--fleet",
      id,
      "--processes",
      "1",
      "--host",
      "localhost",
    );
    const { port } = await gateway.ready<{ readonly port: number }>();

    const token = ["--token-file", at("worker-1/fleet/tokens/admin")];
    const birth = ["device", "birth", "--dir", "camera", "--hardware-id", "SN-1", "--station", api, ...token];
    expect(await daymark(...birth).end()).toMatchObject({ exitCode: 0 });
    const device = daymark("device", "run", "--dir", "camera", "--gateway", `localhost:${port}`, "-j");
    await until(() => device.said.stdout.includes('"allowed":true'), "the device may speak");

    nodes[0]!.kill("SIGKILL");
    const advisory = ["--match", "number = 1", "--level", "observe", "--reason", "a node is gone"];
    const added = await daymark("advisory", "add", ...advisory, "--server", api, ...token).end();
    expect(added).toMatchObject({ exitCode: 0 });
    await until(() => device.said.stdout.includes('"observe"'), "the device hears of it");

    const examined = ["doctor", "--config", at("worker.yaml"), "--data", at("worker-1"), "-j"];
    const { stdout } = await inProcess({ doctor }, folder.path, examined);
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: "nats", state: "ok" }),
        expect.objectContaining({ check: "stream", found: expect.stringMatching(/^daymark-log/) }),
      ]),
    );
    for (const command of [worker, gateway]) {
      expect(command.said.stderr).not.toMatch(/permission/i);
      command.signal("SIGTERM");
      expect(await command.end()).toMatchObject({ exitCode: 0 });
    }
  },
);

test("a gateway can neither write the log nor speak for the service", { timeout: SLOW_MS }, async () => {
  await until(jetStreamAnswers, "the nodes answer");
  const nats = await connectNats(options("gateway"));
  try {
    const refused: string[] = [];
    void (async () => {
      for await (const status of nats.status()) refused.push(JSON.stringify(status));
    })();
    for (const subject of ["daymark-log.fleet", "daymark.00.down.1", "$JS.API.STREAM.PURGE.daymark-log"])
      nats.publish(subject, new Uint8Array());
    await nats.flush();
    const violations = () => refused.filter((text) => /permission/i.test(text)).length;
    await until(() => violations() >= 3, "each is refused");
    expect(violations()).toBe(3);
  } finally {
    await nats.close();
  }
});

function daymark(...args: readonly string[]): CliProcess {
  const command = new CliProcess(folder.path, args);
  commands.push(command);
  return command;
}

/** With a file of the document, its names and ports replaced. */
async function start(program: string, file: string, ...flags: readonly string[]): Promise<CliProcess> {
  const text = await readFile(join(FILES, file), "utf8");
  const local = NODES.reduce(
    (so, name, i) => so.replace(`${name}.example.org:4222`, `localhost:${ports[i]!.client}`),
    text,
  )
    .replaceAll("/etc/daymark/tls", at("tls"))
    .replace(/\/run\/credentials\/daymark-(\w+)\.service\/nats-key/, at("tls/$1.key"))
    .replaceAll(/^(mqtt|api|health)-port: .*$/gm, "$1-port: 0");
  await writeFile(at(file), local);
  return daymark(program, "run", "--config", at(file), "-j", ...flags);
}

async function natsConfiguration(node: number): Promise<string> {
  const text = await readFile(join(FILES, "nats-server.conf"), "utf8");
  const { client, cluster } = ports[node]!;
  return NODES.reduce(
    (so, name, i) => so.replace(`${name}.example.org:6222`, `localhost:${ports[i]!.cluster}`),
    text,
  )
    .replace("0.0.0.0:4222", `127.0.0.1:${client}`)
    .replace("0.0.0.0:6222", `127.0.0.1:${cluster}`)
    .replace(/^http:.*$/m, "")
    .replaceAll("/etc/nats/tls", at("tls"))
    .replace("/var/lib/nats", at(`js-${node}`));
}

const options = (user: string) => ({
  servers: ports.map(({ client }) => `tls://localhost:${client}`),
  name: "test",
  caFile: at("tls/ca.crt"),
  certFile: at(`tls/${user}.crt`),
  keyFile: at(`tls/${user}.key`),
});

async function jetStreamAnswers(): Promise<boolean> {
  try {
    const nats = await connectNats(options("recover"));
    try {
      const manager = await nats.jetstreamManager();
      await manager.streams.names().next();
      return true;
    } finally {
      await nats.close();
    }
  } catch {
    return false;
  }
}

/** As step 1 says: one CA; the nodes' with their names; one for each user, its name in the subject. */
async function makeCertificates(): Promise<void> {
  const key = (name: string) => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    at(`tls/${name}.key`),
  ];
  const out = (name: string) => ["-out", at(`tls/${name}.crt`), "-days", "1"];
  await run("openssl", ["req", "-x509", ...key("ca"), ...out("ca"), "-subj", "/CN=NATS of the harbour"]);
  const ca = ["-CA", at("tls/ca.crt"), "-CAkey", at("tls/ca.key")];
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await run("openssl", [
    "req",
    "-x509",
    ...ca,
    ...key("server"),
    ...out("server"),
    "-subj",
    "/CN=nats",
    ...names,
  ]);
  for (const user of ["worker", "gateway", "recover"])
    await run("openssl", ["req", "-x509", ...ca, ...key(user), ...out(user), "-subj", `/CN=daymark-${user}`]);
}

/** Settings: which source counts, what a configuration file may say, and the commands that show it. */
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkConfig, readConfig } from "../../fleet/adapters/config-file.js";
import { configCommands } from "../../fleet/cli/commands/config.js";
import { gatewayRun } from "../../fleet/cli/commands/gateway.js";
import { serverRun } from "../../fleet/cli/commands/server.js";
import { judgeEntries } from "../../fleet/operations/config-entries.js";
import { choose, settingsFrom } from "../../fleet/operations/configuration.js";
import { nearest } from "../../fleet/operations/nearest.js";
import {
  keyOf,
  namesOf,
  SETTING_NAMES,
  type SettingName,
  settingOf,
  variableOf,
} from "../../fleet/operations/settings.js";
import { inProcess, noun } from "./in-process.js";
import { temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function fileOf(text: string): Promise<string> {
  const path = join(folder.path, "daymark.yaml");
  await writeFile(path, text);
  return path;
}
const problemsOf = async (text: string) =>
  (await checkConfig(await fileOf(text))).map((problem) => `${problem.line}: ${problem.text}`);

describe("the table of settings", () => {
  test("one name makes the flag, the variable and the key of the file", () => {
    expect([keyOf("mqttPort"), variableOf("mqttPort")]).toEqual(["mqtt-port", "DAYMARK_MQTT_PORT"]);
    expect(variableOf("data")).toBe("DAYMARK_DATA");
    expect(new Set(SETTING_NAMES.map(keyOf)).size).toBe(SETTING_NAMES.length);
  });
  test("each default is one that the setting takes", () => {
    const refused = SETTING_NAMES.filter((name) => {
      const { default: fallback, type } = settingOf(name);
      try {
        return fallback !== undefined && type.parse(fallback) === undefined;
      } catch {
        return true;
      }
    });
    expect(refused).toEqual([]);
  });
  test("a server and a gateway have what they need", () => {
    expect(namesOf("server")).toContain("apiPort");
    expect(namesOf("gateway")).not.toContain("apiPort");
    expect(settingsFrom("gateway", { flags: {}, env: {} })).toMatchObject({ mqttPort: 8883, processes: 1 });
  });
});

describe("flag before environment before file before default", () => {
  const entries = new Map<SettingName, { text: string; line: number }>([
    ["mqttPort", { text: "3", line: 7 }],
  ]);
  const file = { path: "d.yaml", entries };
  const env = { DAYMARK_MQTT_PORT: "2" };
  test.each([
    [
      { flags: { mqttPort: "1" }, env, file },
      { text: "1", origin: "--mqtt-port" },
    ],
    [
      { flags: {}, env, file },
      { text: "2", origin: "DAYMARK_MQTT_PORT" },
    ],
    [
      { flags: {}, env: { DAYMARK_MQTT_PORT: "" }, file },
      { text: "3", origin: "d.yaml:7" },
    ],
    [
      { flags: {}, env: {} },
      { text: "8883", origin: "default" },
    ],
  ])("%j", (sources, chosen) => expect(choose("mqttPort", sources)).toEqual(chosen));

  test("where nobody says anything and there is no default, nothing counts", () => {
    expect(choose("metricsPort", { flags: {}, env: {} })).toEqual({});
  });
  test("a value that cannot be one is refused with who gave it", () => {
    expect(() => settingsFrom("server", { flags: {}, env: { DAYMARK_MQTT_PORT: "70000" } })).toThrow(
      expect.objectContaining({
        code: "bad-request",
        message: "DAYMARK_MQTT_PORT: mqtt-port: a port is 0 to 65535",
      }),
    );
  });
});

describe("a configuration file", () => {
  test("says what flags say, in the types of YAML", async () => {
    const text = [
      "# comment",
      "data: /var/lib/daymark",
      "mqtt-port: 8884",
      "accept-log-loss: true",
      'nats: ["tls://a:4222", "tls://b:4222"]',
    ].join("\n");
    const file = await readConfig(await fileOf(text));
    expect(settingsFrom("server", { flags: {}, env: {}, file })).toMatchObject({
      data: "/var/lib/daymark",
      mqttPort: 8884,
      acceptLogLoss: true,
      nats: ["tls://a:4222", "tls://b:4222"],
    });
  });
  test.each([[""], ["# nothing\n"], ["---\n"], ["# c\n---\n...\n# c\n"]])("%j says nothing", async (text) => {
    expect(await problemsOf(text)).toEqual([]);
  });
  test.each([
    ["mqqt-port: 1", ["1: there is no setting mqqt-port; did you mean mqtt-port?"]],
    ["\n\nsomething-else: 1", ["3: there is no setting something-else"]],
    ['mqtt-port: "8883"', ["1: mqtt-port is a whole number"]],
    ["mqtt-port: 8883.5", ["1: mqtt-port: a port is 0 to 65535"]],
    ["name: 7", ["1: name is a text; put quotes around it"]],
    ["name: no\nhost: ~", ["2: host is a text; put quotes around it"]],
    ["name: {a: b}", ["1: name is a text; put quotes around it"]],
    ["accept-log-loss: yes", ["1: accept-log-loss is true or false"]],
    ["nats: a:4222", ["1: nats is a list of texts"]],
    ['nats: ["a:4222,b:4222"]', ["1: nats is a list of texts"]],
    ["mqtt-port: 1\nmqtt-port: 2", [expect.stringMatching(/^2: Map keys must be unique/)]],
    ["name: &a x\nhost: *a", [expect.stringMatching(/^1: name is a text/), expect.stringMatching(/^2: /)]],
    ["name: !!str x", ["1: name is a text; put quotes around it"]],
    ["- a\n- b", ["1: a configuration is lines of the form: key: value"]],
    ["mqtt-port: 1\n\n# c\n---\nno-such-setting: 5", [expect.stringMatching(/^4: a second document begins/)]],
    ["name: x\n...\nhost: y", [expect.stringMatching(/^3: a second document begins/)]],
    ["name: x\n---\n", [expect.stringMatching(/^2: a second document begins/)]],
    ["name: [", [expect.stringMatching(/^\d: Flow sequence/)]],
    ["mqtt-port: x\nname: 7\nhosts: y", [expect.anything(), expect.anything(), expect.anything()]],
  ])("%j is refused, with each line", async (text, problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });
  test("a password in an address is refused", async () => {
    expect(await problemsOf('nats: ["nats://worker:secret@a:4222"]')).toEqual([
      "1: nats: no user or password in an address: use nats-cert and nats-key, or nats-creds",
    ]);
  });
  test("the log's stream cannot have the name that the bus begins with", async () => {
    expect(await problemsOf("stream: daymark")).toEqual([
      expect.stringMatching(/^1: stream: .*not daymark$/),
    ]);
    expect(await problemsOf("stream: daymark-log")).toEqual([]);
  });
  test("what is nested far too deep is refused", async () => {
    expect(await problemsOf("[".repeat(60_000))).toEqual([expect.stringMatching(/^\d+: /)]);
  });
  test("it is bounded", async () => {
    await expect(checkConfig(await fileOf(`# ${"x".repeat(70_000)}`))).rejects.toMatchObject({
      code: "bad-request",
    });
  });
  test("the one that is named has to be there", async () => {
    const path = join(folder.path, "absent.yaml");
    await expect(readConfig(path)).rejects.toMatchObject({ code: "not-found" });
    await expect(readConfig(await fileOf("nam: x"))).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringContaining("daymark.yaml:1: there is no setting nam; did you mean name?"),
    });
  });
  test("no key of the table can be mistaken for what every object has", () => {
    const problems = judgeEntries("f", [{ key: "constructor", value: "x", line: 1 }]);
    expect(problems).toEqual({ problems: [{ line: 1, text: "there is no setting constructor" }] });
  });
});

test("the nearest word is at most three letters away", () => {
  expect(nearest("mqttport", ["mqtt-port", "api-port"])).toBe("mqtt-port");
  expect(nearest("colour", ["mqtt-port", "api-port"])).toBeUndefined();
  expect(nearest("x".repeat(10_000), ["x"])).toBeUndefined();
});

describe("the usual places, for who may not read everything", () => {
  /** In a process of its own: run as root it first gives up what passes over permissions. */
  const SCRIPT = `
    import { execSync } from "node:child_process";
    const { readConfig } = await import(process.argv[1]);
    execSync(process.argv[2]);
    const told = await readConfig().then((file) => ({ path: file?.path }), ({ code, message }) => ({ code, message }));
    process.stdout.write(JSON.stringify(told));`;
  const READER = join(import.meta.dirname, "../../fleet/adapters/config-file.ts");
  const AS_OTHERS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];

  /** What is read in a folder after `prepare`, a line of shell. */
  async function readAfter(prepare: string): Promise<{ path?: string; code?: string; message?: string }> {
    const here = await temporaryFolder();
    const node = [process.execPath, "--import", import.meta.resolve("tsx"), "--input-type=module"];
    const [command = "", ...args] = [...(process.getuid?.() === 0 ? AS_OTHERS : []), ...node];
    try {
      const { stdout } = await promisify(execFile)(command, [...args, "-e", SCRIPT, READER, prepare], {
        cwd: here.path,
      });
      return JSON.parse(stdout) as Awaited<ReturnType<typeof readAfter>>;
    } finally {
      await chmod(here.path, 0o700);
      await here.remove();
    }
  }

  test("a current folder that cannot be entered has no file for them: the search goes on", async () => {
    const found = await readAfter("echo mqtt-port: 1 > daymark.yaml; chmod 600 .");
    expect(found).not.toHaveProperty("code");
    expect(found.path).not.toBe("daymark.yaml");
  });
  test.each([
    ["a file", "echo mqtt-port: 1 > daymark.yaml; chmod 0 daymark.yaml"],
    ["a link into a closed folder", "mkdir -m 0 closed; ln -s closed/f daymark.yaml"],
  ])("%s that is there and cannot be read is an error", async (_name, prepare) => {
    expect(await readAfter(prepare)).toEqual({
      code: "bad-request",
      message: "daymark.yaml cannot be read: EACCES",
    });
  });
});

describe("commands", () => {
  const notWanted = () => Promise.reject(new Error("no test here gets as far as a gateway"));
  const routes = {
    config: noun(configCommands),
    server: noun({ run: serverRun(notWanted, notWanted) }),
    gateway: noun({ run: gatewayRun(notWanted) }),
  };
  const run = (...args: readonly string[]) => inProcess(routes, folder.path, args);

  test("get shows values and who gave them", async () => {
    const path = await fileOf("mqtt-port: 8884\n");
    const { stdout } = await run("config", "get", "--config", path, "--show-origin");
    expect(stdout).toMatch(/^KEY +VALUE +ORIGIN$/m);
    expect(stdout).toMatch(new RegExp(`^mqtt-port +8884 +${path}:1$`, "m"));
    expect(stdout).toMatch(new RegExp(`^data +${folder.path} +DAYMARK_DATA$`, "m"));
    expect(stdout).toMatch(/^api-port +8080 +default$/m);
    expect(stdout).toMatch(/^metrics-port +- +-$/m);
    expect((await run("config", "get", "mqtt-port", "--config", path)).stdout).toBe("8884\n");
    const { stdout: json } = await run("config", "get", "mqtt-port", "--config", path, "--show-origin", "-j");
    expect(JSON.parse(json)).toEqual({ "mqtt-port": { value: 8884, origin: `${path}:1` } });
    const unknown = await run("config", "get", "mqqt-port");
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("mean mqtt-port?") });
  });
  test("check names every line that is wrong, and ends with 7", async () => {
    expect(await run("config", "check", await fileOf("name: x\n"))).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    const path = await fileOf("nam: x\nmqtt-port: x\n");
    const wrong = await run("config", "check", path);
    expect(wrong).toMatchObject({ exitCode: 7 });
    expect(wrong.stdout.split("\n")).toHaveLength(3);
    expect(JSON.parse((await run("config", "check", path, "-j")).stdout)).toMatchObject({
      problems: [{ line: 1 }, { line: 2 }],
    });
    expect(await run("config", "check", join(folder.path, "absent"))).toMatchObject({ exitCode: 3 });
  });
  test.each(["server", "gateway"])(
    "%s run refuses a file that is wrong, and a flag that is",
    async (program) => {
      const path = await fileOf("mqqt-port: 1\n");
      const refused = await run(program, "run", "--config", path);
      expect(refused).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringContaining(`${path}:1:`),
      });
      const flag = await run(program, "run", "--mqtt-port", "70000");
      expect(flag).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("a port is 0 to 65535") });
    },
  );
  test("help shows the defaults, which no flag has itself", async () => {
    const { stdout } = await run("server", "run", "--help");
    expect(stdout).toMatch(/--mqtt-port.*\[default: 8883\]/);
    expect(stdout).toContain("--accept-log-loss");
    expect(stdout).toContain("[--log-format text|json]");
    expect(stdout).toMatch(/--returns.*\[accept\|attest\|ask, default: accept\]/);
  });
});

/** Guards of settings, logs, health and of how a server ends. */
import type { Guard } from "../guard.js";

export const operationsGuards: readonly Guard[] = [
  {
    name: "only fields on the list stand in the log",
    file: "fleet/operations/log-fields.ts",
    find: "if (!Object.hasOwn(ALLOWED, name) || typeof value !== ALLOWED[name as keyof LogFields]) return [];",
    replace: "",
    test: { file: "test/fleet/logger.test.ts", name: "only those on the list" },
  },
  {
    name: "what a stranger's error quotes stays out of the log",
    file: "fleet/operations/log-fields.ts",
    find: "words: `a mistake of ours: ${error.name}`",
    replace: "words: `a mistake of ours: ${error.name} ${error.message}`",
    test: { file: "test/fleet/logger.test.ts", name: "of an error the code" },
  },
  {
    name: "health is told to this machine only",
    file: "fleet/adapters/health-server.ts",
    find: 'const HOST = "127.0.0.1";',
    replace: 'const HOST = "0.0.0.0";',
    test: { file: "test/fleet/health.test.ts", name: "before the log is read" },
  },
  {
    name: "who cannot work says so",
    file: "fleet/adapters/health-server.ts",
    find: "found.ready ? 200 : 503",
    replace: "200",
    test: { file: "test/fleet/health.test.ts", name: "before the log is read" },
  },
  {
    name: "no password in an address",
    file: "fleet/operations/setting-values.ts",
    find: 'if (server.includes("@"))',
    replace: 'if (server === "")',
    test: { file: "test/fleet/config.test.ts", name: "a password in an address is refused" },
  },
  {
    name: "the log's stream does not take the bus",
    file: "fleet/operations/setting-values.ts",
    find: "/^(?!daymark$)[A-Za-z0-9_-]{1,64}$/",
    replace: "/^[A-Za-z0-9_-]{1,64}$/",
    test: { file: "test/fleet/config.test.ts", name: "the name that the bus begins with" },
  },
  {
    name: "a configuration file is bounded",
    file: "fleet/adapters/config-file.ts",
    find: "if (bytesRead > MAX_CONFIG_BYTES)",
    replace: "if (bytesRead < 0)",
    test: { file: "test/fleet/config.test.ts", name: "it is bounded" },
  },
  {
    name: "a setting that nobody knows is refused",
    file: "fleet/operations/config-entries.ts",
    find: 'if ("wrong" in found) problems',
    replace: 'if ("wrong" in found && name !== undefined) problems',
    test: { file: "test/fleet/config.test.ts", name: "mqqt-port: 1" },
  },
  {
    name: "behind a fence no gateway is started",
    principle: "P3",
    file: "fleet/cli/server-front.ts",
    find: "if (stopped) {",
    replace: 'if (stopped?.code === "conflict") {',
    test: { file: "test/fleet/operations-trouble.test.ts", name: "fence: a server that starts behind one" },
  },
  {
    name: "a server whose log failed ends as failed",
    principle: "P4",
    file: "fleet/cli/commands/server.ts",
    find: 'if (error.code !== "fenced") throw error;',
    replace: 'if (error.code !== "fenced") return;',
    test: { file: "test/fleet/operations-trouble.test.ts", name: "disk full" },
  },
  {
    name: "doctor knows keys of another fleet",
    file: "fleet/cli/doctor-folder.ts",
    find: "keysInUse(authorities, keys, staged);",
    replace: "void [authorities, keys, staged];",
    test: { file: "test/fleet/doctor.test.ts", name: "keys of another fleet fail" },
  },
];

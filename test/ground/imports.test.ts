/** The import table holds on every file; each rule is first shown able to fail. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { FOLDERS, violations, type Violation } from "./rules.js";
import { readSource } from "./source.js";

const ROOT = join(import.meta.dirname, "../..");

function typescriptFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((path) => posix.join(folder, path.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts"));
}

const line = ({ file, line, found, rule }: Violation) => `${file}:${line}: ${found}: ${rule}`;

test.each(FOLDERS)("the import table holds in %s/", (folder) => {
  const files = typescriptFiles(folder);
  expect(files, `no file found in ${folder}/`).not.toEqual([]);
  expect(files.flatMap((file) => violations(file, readFileSync(join(ROOT, file), "utf8"))).map(line)).toEqual(
    [],
  );
});

/** `[file, its text]`, to be read as "this is refused". */
const refused: [string, string][] = [
  ["protocol/sync.ts", 'import { step } from "../device/machine.js";'],
  ["protocol/sync.ts", 'export * from "../fleet/registry.js";'],
  ["protocol/sync.ts", 'import type { A } from "../test/cddl/cddl.js";'],
  ["protocol/sync.ts", 'import { decode } from "cbor-x";'],
  ["protocol/sync.ts", 'import { decode } from "cbor-x/decode";'],
  ["protocol/sync.ts", 'import { p256 } from "@noble/curves/nist.js";'],
  ["protocol/sync.ts", 'import { createHash } from "node:crypto";'],
  ["protocol/sync.ts", 'import fs from "fs";'],
  ["protocol/codec.ts", 'import mqtt from "mqtt";'],
  ["protocol/codec.ts", "const file = await import(name);"],
  ["protocol/codec.ts", "const file = await import(`node:fs`);"],
  ["protocol/codec.ts", 'const fs = require("node:fs");'],
  ["device/machine.ts", 'import { decide } from "../fleet/registry.js";'],
  ["device/machine.ts", 'import "../broker/admission.js";'],
  ["device/machine.ts", 'const lazy = () => import("mqtt");'],
  ["device/main.ts", 'import { run } from "../fleet/main.js";'],
  ["device/main.ts", 'import { createDevice } from "daymark/device";'],
  ["device/adapters/mqtt.ts", 'import { ed25519 } from "@noble/curves/ed25519.js";'],
  ["device/tpm/codec.ts", 'import { connect } from "node:net";'],
  ["fleet/registry.ts", 'import { step } from "../device/machine.js";'],
  ["fleet/registry.ts", 'import { print } from "./cli/output.js";'],
  ["fleet/api/routes.ts", 'import { print } from "../cli/output.js";'],
  ["fleet/main.ts", 'import { admit } from "../broker/admission.js";'],
  ["fleet/station/link.ts", 'import { open } from "lmdb";'],
  ["fleet/registry.ts", 'import { Hono } from "hono";'],
  ["fleet/registry.ts", 'import { serve } from "@hono/node-server";'],
  ["fleet/registry.ts", 'import { Low } from "lowdb";'],
  ["fleet/registry.ts", 'import { buildCommand } from "@stricli/core";'],
  ["fleet/cli/device.ts", 'import { commands } from "../../device/commands.js";'],
  ["fleet/cli/main.ts", 'import { createDevice } from "../../device/main.js";'],
  ["fleet/cli/main.ts", 'import { commands } from "../../test/commands.js";'],
  ["broker/admission.ts", 'import type { Aedes } from "aedes";'],
  ["broker/admission.ts", 'import { decide } from "../fleet/registry.js";'],
  ["broker/gateway.ts", 'import { fleet } from "../fleet/link/deep.js";'],
  ["broker/gateway/deep.ts", 'import { createServer } from "node:tls";'],
  ["simulators/world/world.ts", 'import { gateway } from "../../broker/gateway.js";'],
  ["simulators/world/world.ts", 'import { log } from "../../fleet/adapters/lmdb-event-log.js";'],
  ["simulators/world/world.ts", 'import { readFileSync } from "node:fs";'],
  ["protocol/time.ts", "const now = Date.now();"],
  ["protocol/time.ts", "const now = Date.now;"],
  ["protocol/time.ts", "const now = new Date();"],
  ["protocol/time.ts", "const now = new Date;"],
  ["protocol/time.ts", "const now = Date();"],
  ["protocol/time.ts", "const now = performance.now();"],
  ["protocol/time.ts", "const odds = Math.random();"],
  ["protocol/time.ts", "setTimeout(run, 5);"],
  ["protocol/time.ts", "const timer = setInterval(run, 5);"],
  ["protocol/time.ts", 'if (process.env["DEBUG"]) run();'],
  ["protocol/time.ts", 'console.log("hello");'],
  ["protocol/time.ts", 'void fetch("https://example.org");'],
  ["protocol/time.ts", "const bytes = crypto.getRandomValues(new Uint8Array(8));"],
  ["protocol/time.ts", "const bytes = globalThis.crypto;"],
  ["protocol/time.ts", "const text = `at ${`inner ${Date.now()}`}`;"],
  ["protocol/time.ts", "const half = a / 2; const b = Date.now() / 2;"],
];
test.each(refused)("%s is refused: %s", (file, text) => {
  expect(violations(file, `// a comment\n${text}\n`)).toEqual([
    { file, line: 2, found: expect.any(String), rule: expect.any(String) },
  ]);
});

const allowed: [string, string][] = [
  ["protocol/sync.ts", 'import { message } from "./codec.js"; import { z } from "zod";'],
  ["protocol/codec.ts", 'import { Encoder } from "cbor-x";'],
  ["protocol/keys.ts", 'import { p256 } from "@noble/curves/nist.js";'],
  ["protocol/adapters/node-crypto.ts", 'import * as node from "node:crypto";'],
  ["protocol/time.ts", "const date = new Date(seconds * 1000);"],
  ["protocol/time.ts", "// Date.now() and console.log\n/* process.env */"],
  ["protocol/time.ts", 'const text = "Date.now()" + `setTimeout( ${1} Math.random()`;'],
  ["protocol/time.ts", 'const quote = /["\'`/*]/; const text = "console.log()";'],
  ["protocol/time.ts", 'const names = Array.from("node:fs"); keys.import(name);'],
  ["device/machine.ts", 'import { Directive } from "../protocol/directive.js";'],
  ["device/main.ts", 'import { connect } from "mqtt"; setTimeout(run, 5);'],
  ["device/commands.ts", 'import { buildCommand } from "@stricli/core"; process.stdout.write("");'],
  ["fleet/api/server.ts", 'import { Hono } from "hono"; import { decide } from "../registry.js";'],
  ["fleet/cli/device.ts", 'import { decide } from "../registry.js"; console.log("");'],
  ["fleet/cli/main.ts", 'import { commands } from "../../simulators/commands.js";'],
  ["broker/gateway-session.ts", 'import aedes from "aedes"; import type { Link } from "../fleet/link.js";'],
  ["simulators/world/world.ts", 'import { step } from "../../device/machine.js";'],
  ["simulators/world/world.ts", 'import { decide } from "../../fleet/registry-apply.js";'],
  ["simulators/world/world.ts", 'import { admit } from "../../broker/admission.js";'],
  ["simulators/voyage/observer.ts", 'import { connect } from "mqtt";'],
];
test.each(allowed)("%s is allowed: %s", (file, text) => {
  expect(violations(file, text).map(line)).toEqual([]);
});

describe("imports are found", () => {
  test.each<[string, (string | undefined)[]]>([
    [
      'import a, {\n  b as c,\n} from "one"; import "two"; export { d } from \'three\';',
      ["one", "two", "three"],
    ],
    ['import type { A } from /* why */ "one"; type B = import("two").B;', ["one", "two"]],
    ['const a = await import(\n  // why\n  "one",\n);', ["one"]],
    ['// import "one"\nconst text = \'import "two"\'; /* from "three" */', []],
    ["void import(a + b);", [undefined]],
    ['const a = b.match(/[/"]/g); import("one");', ["one"]],
    ['const a = `${"x"}\\`` / 2; import("one");', ["one"]],
  ])("%s", (text, specifiers) => {
    expect(readSource(text).imports.map(({ specifier }) => specifier)).toEqual(specifiers);
  });

  test("what is not code is blank, and lines stay where they are", () => {
    expect(readSource('a("b\\"c"); // d\n/* e\nf */ g').code).toBe('a("    ");     \n    \n     g');
  });
});

/** `daymark envelope`: what it prints of a document, what it says of the signatures, and how it ends. */
import { createPublicKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buildRouteMap } from "@stricli/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDaymark } from "../../fleet/cli/application.js";
import { envelopeCommands } from "../../fleet/cli/commands/envelope.js";
import { drawUpPapers } from "../../fleet/station/births.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { Beacon } from "../../protocol/beacon.js";
import { BirthRequest } from "../../protocol/birth.js";
import { joinBundle, MAX_BUNDLE_BYTES } from "../../protocol/bundle.js";
import { concatBytes, toHex, utf8 } from "../../protocol/bytes.js";
import { EnrollRequest } from "../../protocol/certify.js";
import type { Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt } from "../../protocol/sync.js";
import { TimeRequest } from "../../protocol/time.js";
import { Transfer, Voucher } from "../../protocol/voucher.js";
import { foundingAuthority, nextAuthority, roleSigner } from "../protocol/rotation.js";
import { examples } from "../vectors/examples.js";
import { testFleet, testKey, testSigner } from "../x509/helpers.js";

/** The first of a message's examples: here any will do. */
const example = <Name extends keyof typeof examples>(name: Name) =>
  Object.values(examples[name] as object)[0] as (typeof examples)[Name][string];

const [ROOT, HOLD, NEW_HOLD] = [roleSigner("root"), roleSigner("hold"), roleSigner("hold", 2)];
const RELEASES = [roleSigner("release", 2), roleSigner("release", 3), roleSigner("release", 4)] as const;
const DEVICE_KEY = testKey("ES256", "envelope device", nodeCrypto);
const DEVICE = testSigner("ES256", "envelope device");

/** Version 1, in which `hold` has one key; version 2, with another, and a release quorum of 2 of 3. */
const first = foundingAuthority({ by: [ROOT] });
const trust = openFirstAuthority(first, nodeCrypto);
const second = nextAuthority(trust, {
  keys: { hold: [NEW_HOLD], release: RELEASES },
  thresholds: { release: 2 },
  by: [ROOT],
});
const FLEET = toHex(trust.fleetId);
const stranger = foundingAuthority({ by: [ROOT] }, "stranger");

const seal = <T>(message: Message<T>, value: T, signer: Signer, fleetId = trust.fleetId) =>
  sealEnvelope(message, value, signer, fleetId, nodeCrypto);
const directive = seal(Directive, { ...example("directive"), level: "isolate" }, HOLD);
const newDirective = seal(Directive, example("directive"), NEW_HOLD);
const oneRelease = seal(Release, example("release"), RELEASES[0]);
const release = addSignature(oneRelease, RELEASES[2], trust.fleetId, nodeCrypto);
const receipt = seal(Receipt, example("receipt"), DEVICE);
const frame = encodeFrame(TimeRequest, example("time-request"));
const birth = { ...example("birth-request"), publicKey: DEVICE.publicKey };

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "daymark-envelope-"))));
afterAll(() => rm(folder, { recursive: true }));

const routes = { envelope: buildRouteMap({ routes: envelopeCommands, docs: { brief: "envelope" } }) };

/** Runs `daymark envelope …` in this process. @param input - what stdin holds. */
async function envelope(args: readonly string[], input: Uint8Array = new Uint8Array()) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stdin = Readable.from(input.length > 0 ? [Buffer.from(input)] : []);
  const own = Object.getOwnPropertyDescriptors({ stdin, stdout, stderr, exitCode: undefined });
  const like = Object.create(process, own) as NodeJS.Process; // the rest is this process's
  await runDaymark(routes, ["envelope", ...args], like);
  const text = (stream: PassThrough) => String(stream.read() ?? "");
  return { exitCode: like.exitCode, stdout: text(stdout), stderr: text(stderr) };
}

async function file(content: Uint8Array | string): Promise<string> {
  const path = join(folder, toHex(nodeCrypto.sha256(Buffer.from(content))).slice(0, 12));
  await writeFile(path, content);
  return path;
}

/** `verify` of these documents; flags are `--authority` with what is given, then `more`. */
async function verify(
  documents: readonly Uint8Array[],
  authority?: readonly Uint8Array[],
  ...more: readonly string[]
) {
  const flags = authority ? ["--authority", await file(concatBytes(...authority))] : [];
  const result = await envelope(["verify", "-", ...flags, ...more, "-j"], concatBytes(...documents));
  const json = result.stdout === "" ? undefined : JSON.parse(result.stdout);
  return { ...result, json, verdicts: json?.documents.map(({ verdict }: { verdict: string }) => verdict) };
}

describe("inspect", () => {
  test("prints a document with its names; stdout is diagnostic notation as a whole", async () => {
    const { exitCode, stdout, stderr } = await envelope(["inspect", await file(directive)]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(
      /^\/ 1 of 1: directive \(3\), envelope, \d+ bytes, claims key [0-9a-f]{16} \(Ed25519\) \/$/,
    );
    expect(lines[1]).toBe("18([");
    expect(lines).toContain("    / level / 3: 3 / isolate /,");
  });

  test("reads a bundle from stdin, also as JSON", async () => {
    const bundle = joinBundle([directive, frame]);
    const { stdout } = await envelope(["inspect", "-"], bundle);
    expect(stdout).toMatch(/^\/ 2 of 2: time-request \(34\), frame, \d+ bytes \/$/m);
    expect(stdout).toMatch(/^\]\),$/m); // a comma between the two
    const json = await envelope(["inspect", "-", "-j"], bundle);
    expect(JSON.parse(json.stdout).documents).toMatchObject([
      { kind: "envelope", message: "directive", type: 3, signatures: [{ algorithm: "Ed25519" }] },
      { kind: "frame", message: "time-request", type: 34, signatures: [] },
    ]);
  });

  test("what would be refused is shown, and the end is 1", async () => {
    const broken = await envelope(["inspect", "-"], concatBytes(directive, Uint8Array.of(0xa0)));
    expect(broken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("item 2 of the bundle") });
    expect(broken.stdout).toContain("18([h'");
    const unknown = await envelope(["inspect", "-"], Uint8Array.of(0x82, 0x18, 0xc8, 0xa0));
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("unknown-type") });
    expect(unknown.stdout).toContain("[200, {}]");
  });

  test("no file: 3; an empty one, or one larger than any bundle: 1", async () => {
    expect(await envelope(["inspect", join(folder, "none")])).toMatchObject({ exitCode: 3, stdout: "" });
    expect(await envelope(["inspect", "-"])).toMatchObject({ exitCode: 1, stdout: "" });
    const large = await envelope(["inspect", "-"], new Uint8Array(MAX_BUNDLE_BYTES + 1));
    expect(large).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(String(MAX_BUNDLE_BYTES)) });
  });
});

describe("verify by the Authority", () => {
  test("says which role, which key, and how many of how many", async () => {
    const { exitCode, json } = await verify([directive], [first]);
    expect(exitCode).toBe(0);
    const kid = toHex(nodeCrypto.sha256(HOLD.publicKey.bytes).slice(0, 8));
    expect(json).toMatchObject({ fleet: FLEET, authority: { name: "fleet", version: 1 } });
    expect(json.documents).toMatchObject([
      { message: "directive", verdict: "verified", role: "hold", threshold: 1, signers: [{ kid }] },
    ]);
    const text = await envelope(["verify", await file(directive), "--authority", await file(first)]);
    expect(text.stdout).toMatch(
      /^1 +directive +verified +Ed25519 [0-9a-f]{16} +signed by 1 of the hold keys/m,
    );
  });

  test("walks the chain, from either file and in any order", async () => {
    expect(await verify([release, newDirective], [second, first])).toMatchObject({ exitCode: 0 });
    const { exitCode, json } = await verify([newDirective, second, release], [first]);
    expect([exitCode, json.authority.version]).toEqual([0, 2]);
    const own = await verify([first, second, release], undefined, "--fleet", FLEET);
    expect(own.verdicts).toEqual(["verified", "verified", "verified"]);
  });

  test("a forged link beside the good one is refused and does not stop the walk", async () => {
    const forged = nextAuthority(trust, { keys: { hold: [DEVICE] }, by: [DEVICE] });
    const { exitCode, verdicts } = await verify([forged, second, newDirective], [first]);
    expect([exitCode, verdicts]).toEqual([4, ["refused", "verified", "verified"]]);
  });

  test("a link without the one before it: not checked, 1", async () => {
    const third = nextAuthority(openNextAuthority(second, trust, nodeCrypto), { by: [ROOT] });
    const { exitCode, json } = await verify([third], [first]);
    expect([exitCode, json.documents[0].verdict]).toEqual([1, "not-checked"]);
    expect(json.documents[0].reason).toContain("version 2, which is missing");
  });

  test.each([
    ["a key of another role", seal(Directive, example("directive"), ROOT), [first], "wrong-key"],
    [
      "for another fleet",
      seal(Directive, example("directive"), HOLD, new Uint8Array(16)),
      [first],
      "bad-signature",
    ],
    ["a bit of the signature", directive.with(-1, directive.at(-1)! ^ 1), [first], "bad-signature"],
    ["one signature of two", oneRelease, [first, second], "quorum-missing"],
    ["a key that was rotated away", directive, [first, second], "wrong-key"],
    ["the Authority of another fleet", stranger, [first], "wrong-key"],
  ])("refuses, with 4: %s", async (_name, document, authority, code) => {
    const { exitCode, json, stderr } = await verify([document], authority);
    expect([exitCode, json.documents]).toMatchObject([4, [{ verdict: "refused", code, signers: [] }]]);
    expect(stderr).toBe("daymark: 1 of 1 documents must not be believed\n");
  });

  test("tells when an older version of the Authority accepts it", async () => {
    const { json } = await verify([directive], [first, second]);
    expect(json.documents[0].reason).toContain(
      "Authority version 1 accepts it, Authority version 2 does not",
    );
    const { json: never } = await verify([oneRelease], [first, second]);
    expect(never.documents[0].reason).not.toContain("accepts");
  });

  test("a voucher is the factory's, a transfer the owner's who gives", async () => {
    const voucher = example("voucher");
    const transfer = { ...voucher, index: 1, previous: voucher.owner };
    const good = [
      seal(Voucher, voucher, roleSigner("factory")),
      seal(Transfer, transfer, roleSigner("transfer")),
    ];
    expect(await verify(good, [first])).toMatchObject({ exitCode: 0 });
    const bad = [
      seal(Voucher, voucher, roleSigner("transfer")),
      seal(Transfer, transfer, roleSigner("factory")),
    ];
    expect(await verify(bad, [first])).toMatchObject({ exitCode: 4, verdicts: ["refused", "refused"] });
  });

  test("an enroll-request by the certificate that it carries", async () => {
    const { member, factoryCa } = testFleet("Ed25519", nodeCrypto);
    const holder = (number: number) => ({ holder: { fleetId: trust.fleetId, number, generation: 0 } });
    const station = member("station of the fleet", { profile: "station", ...holder(7) }, factoryCa);
    const entropy = (size: number) => nodeCrypto.sha256(utf8("serial")).subarray(0, size);
    const keys = { station: station.signer, factory: roleSigner("factory") };
    const identity = { trust, certificate: station.certificate, ...keys, crypto: nodeCrypto, entropy };
    const device = { number: 4711, hardwareId: utf8("TW-1"), model: "camera", publicKey: DEVICE.publicKey };
    const papers = drawUpPapers({ ...device, index: 0, bornAt: 1_780_000_000 }, identity);
    const request: EnrollRequest = {
      ...example("enroll-request"),
      ...papers,
      idevid: [papers.idevid, station.certificate],
    };
    const { exitCode, json } = await verify([seal(EnrollRequest, request, DEVICE)], [first]);
    expect([exitCode, json.documents[0].reason]).toEqual([0, expect.stringContaining("device 4711")]);
    const others = seal(EnrollRequest, { ...request, subject: 4712 }, DEVICE);
    const notHis = seal(EnrollRequest, request, ROOT);
    expect(await verify([others, notHis], [first])).toMatchObject({
      exitCode: 4,
      verdicts: ["refused", "refused"],
    });
  });
});

describe("verify by a key", () => {
  const der = createPublicKey(privateKeyObject(DEVICE_KEY));
  test.each([
    ["PEM", der.export({ type: "spki", format: "pem" }).toString()],
    ["hex", `${toHex(DEVICE.publicKey.bytes)}\n`],
    ["base64url", Buffer.from(DEVICE.publicKey.bytes).toString("base64url")],
  ])("given in %s", async (_name, text) => {
    const flags = ["--key", await file(text), "--fleet", FLEET];
    expect(await verify([receipt], undefined, ...flags)).toMatchObject({ exitCode: 0 });
    const altered = receipt.with(-1, receipt.at(-1)! ^ 1);
    expect(await verify([altered], undefined, ...flags)).toMatchObject({ exitCode: 4 });
    expect(await verify([directive], undefined, ...flags)).toMatchObject({ exitCode: 4 });
    expect(await verify([receipt, directive], [first], ...flags)).toMatchObject({ exitCode: 0 });
  });

  test("an Ed25519 key; one of several signatures; what the key alone cannot tell is said", async () => {
    const key = await file(toHex(RELEASES[0].publicKey.bytes));
    const { exitCode, json } = await verify([release], undefined, "--key", key, "--fleet", FLEET);
    expect(exitCode).toBe(0);
    expect(json.documents[0].reason).toBe(
      "signed by the key given; whether that is a release key, only --authority tells; 1 further signatures were not checked",
    );
  });

  test.each([
    ["a private key", privateKeyObject(DEVICE_KEY).export({ type: "pkcs8", format: "pem" }).toString()],
    ["a point off its curve", `04${"01".repeat(64)}`],
    ["half a key", toHex(DEVICE.publicKey.bytes).slice(2)],
    ["no key", "what is this"],
    ["PEM of nothing", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
  ])("%s: 2", async (_name, text) => {
    const result = await verify([receipt], undefined, "--key", await file(text), "--fleet", FLEET);
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).not.toMatch(/^\s+at /m); // words, and no stack
  });
});

describe("what is not checked", () => {
  test.each([
    ["a receipt without a key", receipt, "give its public key with --key"],
    ["a directive without an Authority", directive, "--authority"],
    ["a frame", frame, "nobody signs a frame"],
  ])("%s: 1, and what to give", async (_name, document, words) => {
    const { exitCode, json } = await verify([document], undefined, "--fleet", FLEET);
    expect([exitCode, json.documents[0].verdict]).toEqual([1, "not-checked"]);
    expect(json.documents[0].reason).toContain(words);
  });

  test("a birth-request brings its own key", async () => {
    const [own, other] = [seal(BirthRequest, birth, DEVICE), seal(BirthRequest, birth, ROOT)];
    expect(await verify([own, other], undefined, "--fleet", FLEET)).toMatchObject({
      exitCode: 4,
      verdicts: ["verified", "refused"],
    });
  });

  test("what cannot be read: 1; but 4 goes first", async () => {
    const later = seal({ ...Beacon, encode: () => Uint8Array.of(0xa1, 0x0f, 0x00) }, {} as never, HOLD);
    expect(await verify([later, directive], [first])).toMatchObject({
      exitCode: 1,
      verdicts: ["unreadable", "verified"],
    });
    expect(await verify([later, oneRelease], [first, second])).toMatchObject({ exitCode: 4 });
    const cut = await verify([directive.subarray(0, -1)], [first]);
    expect(cut).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("cut off") });
  });
});

describe("what has to be given", () => {
  test("which fleet: else 2", async () => {
    const key = ["--key", await file(toHex(DEVICE.publicKey.bytes))];
    for (const flags of [[], key, ["--fleet", "12ab"], ["--fleet", "x".repeat(32)]]) {
      const result = await verify([receipt], undefined, ...flags);
      expect(result).toMatchObject({ exitCode: 2, stdout: "" });
      expect(result.stderr).toMatch(/fleet/);
    }
  });

  test("an Authority that begins a chain, of that fleet", async () => {
    expect(await verify([directive], [second])).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await verify([directive], [stranger], "--fleet", FLEET)).toMatchObject({
      exitCode: 4,
      stdout: "",
    });
  });

  test("--help shows examples", async () => {
    for (const verb of ["inspect", "verify"]) {
      const { exitCode, stdout } = await envelope([verb, "--help"]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`Example: daymark envelope ${verb}`);
    }
  });
});

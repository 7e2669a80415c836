/** A fleet on a memory log whose API is served on loopback, for tests that talk HTTP to it. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { openTokens, readToken } from "../../fleet/adapters/token-folder.js";
import { type ApiOptions, createApi } from "../../fleet/api/app.js";
import { serveHttp } from "../../fleet/api/serve.js";
import { toBase64Url } from "../../fleet/events.js";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../fleet/fleet-keys.js";
import { DEFAULT_POLICY } from "../../fleet/policy.js";
import { keyFactOf } from "../../fleet/sealing.js";
import { FleetService } from "../../fleet/service.js";
import { TOKEN_SECRET_BYTES } from "../../fleet/sync-tokens.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Entropy } from "../../protocol/crypto.js";
import { NO_VERSION } from "../../protocol/version.js";

export const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "daymark-test-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Devices `first` to `last` as a station would have them imported. */
export async function importDevices(service: FleetService, first: number, last: number): Promise<void> {
  for (let number = first; number <= last; number++) {
    const key = keyFactOf(nodeCrypto.publicKey(nodeCrypto.generate("ES256", entropy)));
    const papers = { record: "", voucher: "", idevid: "" };
    const hardwareId = toBase64Url(utf8(`hw-${number}`));
    const birth = { number, hardwareId, model: "camera-2", key, index: number - 1, ...papers };
    const { refusal } = await service.request({ type: "import", birth }, "test");
    if (refusal) throw new Error(refusal.text);
  }
}

/** Device `number` signs that it holds directive and release of these n, in term 1. */
export async function confirm(service: FleetService, number: number, directive: number, release = 0) {
  const counter = (service.view.devices.get(number)?.receiptCounter ?? 0) + 1;
  const version = (n: number) => [n > 0 ? 1 : 0, n] as const;
  const versions = { directive: version(directive), release: version(release) };
  const none = { advisories: NO_VERSION, removals: NO_VERSION, done: {} };
  const held = { authority: 1, ledger: [1, 0] as const, ...versions, ...none, level: "none" as const };
  await service.request({ type: "receipt", number, counter, held }, `device/${number}`);
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the server says
  readonly body: any;
}

/** Ends with `close`. */
export async function serveFleet(devices: number, options: ApiOptions = {}) {
  const folder = await temporaryFolder();
  const clock = new JumpClock();
  const keys = Object.fromEntries(
    FLEET_KEY_NAMES.map((name) => {
      const key = nodeCrypto.generate("ES256", entropy);
      const sign = (message: Uint8Array) => nodeCrypto.sign(key, message);
      return [name, { publicKey: nodeCrypto.publicKey(key), sign }];
    }),
  ) as FleetKeys;
  const parts = { log: new MemoryEventLog(), keys, crypto: nodeCrypto, entropy, clock };
  const service = await FleetService.open({
    ...parts,
    tokenSecret: entropy(TOKEN_SECRET_BYTES),
    policy: DEFAULT_POLICY,
    name: "harbour",
  });
  await importDevices(service, 1, devices);
  const tokens = await openTokens(join(folder.path, "tokens"), nodeCrypto, entropy);
  const token = (name: string) => readToken(join(folder.path, "tokens", name));
  const [admin, approver] = [await token("admin"), await token("approver")];
  const http = await serveHttp(createApi(service, tokens, options), "127.0.0.1", 0);

  /** @param as - the token, or undefined for none. */
  async function call(method: string, path: string, init: RequestInit = {}, as: string | undefined = admin) {
    const headers = new Headers(init.headers);
    if (as !== undefined && as !== "") headers.set("authorization", `Bearer ${as}`);
    const response = await fetch(new URL(path, http.url), { ...init, method, headers });
    const type = response.headers.get("content-type");
    const text = await response.text();
    const isJson = type === "application/json" || type === "application/problem+json";
    const body: unknown = isJson && text !== "" ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, type, body } as Answer;
  }
  const json = { "content-type": "application/json" };
  return {
    service,
    clock,
    url: http.url,
    admin,
    approver,
    call,
    get: (path: string) => call("GET", path),
    post: (path: string, body: unknown, as = admin) =>
      call("POST", path, { headers: json, body: JSON.stringify(body) }, as),
    async close() {
      await http.close();
      await service.close();
      await folder.remove();
    },
  };
}
export type ServedFleet = Awaited<ReturnType<typeof serveFleet>>;

/** Good requests to every route of the API, and how they are changed. */
import { utf8 } from "../../../protocol/bytes.js";
import { type Draw, pick } from "../draw.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import { mutateText } from "../mutate-text.js";

/** As it stands on the wire. */
export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** One `name: value` each. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

type Body = Parameters<typeof mutateJson>[0] | Uint8Array | undefined;
type Example = readonly [method: string, target: string, body?: Body, type?: string];

/** What the examples speak of. */
export interface Facts {
  /** An act that waits for its approval, and its digest. */
  readonly act: string;
  readonly digest: string;
  readonly bundle: Uint8Array;
  readonly authority: Uint8Array;
  readonly handover: Uint8Array;
  readonly from: string;
  readonly births: readonly Uint8Array[];
}

/** Stands for the operator's token, which is another one in each run. */
export const TOKEN = "@token";

const JSON_TYPE = "application/json";
const BUNDLE = "application/cbor-seq";
const OCTETS = "application/octet-stream";

function examplesWith({ act, digest, bundle, authority, handover, from, births }: Facts): readonly Example[] {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
  const numbers = [1, 2];
  return [
    ["GET", "/livez"],
    ["GET", "/v1/fleet"],
    ["GET", "/v1/devices?filter=level:isolate&filter=model:camera-2&after=0&limit=2"],
    ["GET", "/v1/devices/3"],
    ["GET", "/v1/events?after=3"],
    ["GET", "/v1/events?after=now&follow=1"],
    ["GET", "/v1/quarantine?limit=5"],
    ["GET", `/v1/quarantine/${act}?after=0&limit=1`],
    ["GET", `/v1/quarantine/${act}/drafts`],
    ["GET", "/v1/advisories"],
    ["GET", `/v1/advisories/preview?match=${encodeURIComponent('model in {"camera-2", "x"}')}&limit=3`],
    ["GET", "/v1/exposure"],
    ["GET", "/v1/exposure?device=1"],
    ["GET", "/v1/exposure?epoch=1&state=dark&limit=2"],
    ["GET", "/v1/exposure?advisories=1.1"],
    ["GET", "/v1/exposure?authority=1"],
    ["GET", "/v1/authority"],
    ["GET", "/v1/bundle?device=1"],
    ["POST", "/v1/quarantine/requests", { numbers, level: "observe", reason: "seen twice" }],
    ["POST", "/v1/quarantine/lifts", { numbers, level: "none", reason: "found again" }],
    ["POST", "/v1/quarantine/counts", { numbers, count: "reboot", reason: "stuck" }],
    ["POST", `/v1/quarantine/requests/${act}/approve`, { digest }],
    ["POST", "/v1/advisories", { match: 'model = "camera-9"', level: "observe", reason: "recall" }],
    ["POST", "/v1/advisories/1/removal", { reason: "over" }],
    ["POST", "/v1/transfers/give", { number: 4, to: base64(authority), reason: "sold" }],
    ["POST", "/v1/transfers/take", { handover: base64(handover), from }],
    ["POST", "/v1/authority", authority, BUNDLE],
    ["POST", "/v1/bundle", bundle, BUNDLE],
    ...births.map((message) => ["POST", "/v1/station", message, OCTETS] as const),
  ];
}

const METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "get", ""];
const HEADERS = [
  "Content-Type: text/plain",
  "Content-Type: application/json; charset=utf-16",
  "Content-Length: 0",
  "Content-Length: 99999999999",
  "Content-Length: -1",
  "Transfer-Encoding: chunked",
  "Authorization: Bearer x",
  "Authorization: Basic eDp5",
  "X-Forwarded-For: 10.0.0.1",
  "Expect: 100-continue",
  "Accept-Encoding: gzip",
  "Host: [",
  `Cookie: ${"a=b;".repeat(500)}`,
  "__proto__: x",
];

/** Draws requests: each example with something changed in its method, path, headers or body. */
export function requestDrawer(facts: Facts): (draw: Draw) => Request {
  const examples = examplesWith(facts);
  const targets = examples.map(([, target]) => target);
  const bodies = examples.flatMap(([, , body]) => (body instanceof Uint8Array ? [body] : []));
  return (draw) => {
    const [method, target, body, type = JSON_TYPE] = pick(draw, examples);
    const bearer = `Authorization: Bearer ${draw(40) === 0 ? "nobody" : TOKEN}`;
    const headers = [bearer, ...(body === undefined ? [] : [`Content-Type: ${type}`])];
    const changed = draw(8);
    return {
      method: changed === 0 ? pick(draw, METHODS) : method,
      target: changed === 1 || body === undefined ? mutateText(target, targets, draw) : target,
      headers: changed === 2 ? withHeader(headers, draw) : headers,
      body: bodyOf(body, changed >= 3, bodies, draw),
    };
  };
}

function withHeader(headers: readonly string[], draw: Draw): readonly string[] {
  const at = draw(headers.length);
  const header = headers[at] ?? "";
  return draw(3) === 0
    ? headers.with(at, mutateText(header, HEADERS, draw))
    : [...headers, pick(draw, HEADERS)];
}

function bodyOf(body: Body, change: boolean, others: readonly Uint8Array[], draw: Draw): Uint8Array {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return change ? mutateBytes(body, others, draw) : body;
  return utf8(change ? mutateJson(body, draw) : JSON.stringify(body));
}

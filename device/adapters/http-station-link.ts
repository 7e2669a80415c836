/** `StationLink` over HTTP, to the station inside a running server. */
import { readFile } from "node:fs/promises";
import { concatBytes } from "../../protocol/bytes.js";
import type { StationLink } from "../birth.js";
import { DeviceError } from "../errors.js";

const STATION_PATH = "/v1/station";
const ANSWER_MS = 10_000;
/** The largest answer is the grant with an Authority in it. */
const MAX_ANSWER_BYTES = 65_536;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * @param url - of the server's API: https, or http to this machine, since a token must not cross a network in the clear.
 * @param tokenFile - holds an operator's token.
 * @throws DeviceError "birth-refused", here and from the link.
 */
export async function httpStationLink(url: string, tokenFile: string): Promise<StationLink> {
  const endpoint = new URL(STATION_PATH, url);
  const { protocol, hostname, origin } = endpoint;
  if (protocol !== "https:" && !(protocol === "http:" && LOOPBACK.test(hostname)))
    throw refused("the station's address must begin with https, or be http on this machine");
  const token = (await readFile(tokenFile, "utf8")).trim();
  return async (message) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" };
    const request = { method: "POST", headers, body: new Uint8Array(message), signal };
    const [answer, body] = await exchange(endpoint, request);
    if (answer.ok) return body;
    throw refused(`the station at ${origin} answered ${answer.status}: ${detailOf(body)}`);
  };
}

async function exchange(endpoint: URL, request: RequestInit): Promise<[Response, Uint8Array]> {
  try {
    const answer = await fetch(endpoint, request);
    return [answer, await bodyOf(answer)];
  } catch (cause) {
    if (cause instanceof DeviceError) throw cause;
    throw refused(`no station answers at ${endpoint.origin}; start it with: daymark server run`, cause);
  }
}

async function bodyOf({ body, url }: Response): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array();
  for await (const chunk of body ?? []) {
    bytes = concatBytes(bytes, chunk as Uint8Array);
    if (bytes.length > MAX_ANSWER_BYTES)
      throw refused(`what answers at ${url} is no station: too many bytes`);
  }
  return bytes;
}

function detailOf(body: Uint8Array): string {
  try {
    const problem = JSON.parse(new TextDecoder().decode(body)) as { readonly detail?: unknown };
    return typeof problem.detail === "string" ? problem.detail : "no reason given";
  } catch {
    return "no reason given";
  }
}

function refused(why: string, cause?: unknown): DeviceError {
  return new DeviceError("birth-refused", why, { cause });
}

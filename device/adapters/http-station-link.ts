/** `StationLink` over HTTP, to the station inside a running server. */
import { readFile } from "node:fs/promises";
import type { StationLink } from "../birth.js";
import { DeviceError } from "../errors.js";

const STATION_PATH = "/v1/station";
const ANSWER_MS = 10_000;
/** The largest answer is the grant with an Authority in it. */
const MAX_ANSWER_BYTES = 65_536;

/** @param url - of the server's API. @param tokenFile - holds an operator's token. */
export async function httpStationLink(url: string, tokenFile: string): Promise<StationLink> {
  const token = (await readFile(tokenFile, "utf8")).trim();
  const endpoint = new URL(STATION_PATH, url);
  return async (message) => {
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
      body: new Uint8Array(message),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body = new Uint8Array(await answer.arrayBuffer());
    if (answer.ok && body.length <= MAX_ANSWER_BYTES) return body;
    throw new DeviceError(
      "birth-refused",
      `the station at ${endpoint.origin} answered ${answer.status}: ${detailOf(body)}`,
    );
  };
}

function detailOf(body: Uint8Array): string {
  try {
    const problem = JSON.parse(new TextDecoder().decode(body)) as { readonly detail?: unknown };
    return typeof problem.detail === "string" ? problem.detail : "no reason given";
  } catch {
    return "no reason given";
  }
}

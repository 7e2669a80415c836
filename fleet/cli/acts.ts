/** Acts as commands ask for them, and as they come back page by page. */
import type { ActDetail, ActResource } from "../api/acts.js";
import { printFiled } from "./act-output.js";
import { type CliContext, type ClientFlags, connect } from "./connection.js";
import { numberParameter } from "./device-number.js";
import type { FleetClient } from "./http.js";

export const numbersParameter = { kind: "array", parameter: numberParameter, minimum: 1 } as const;
export const reasonFlag = {
  kind: "parsed",
  parse: String,
  brief: "Why: it stays in the record",
} as const;
export const actIdParameter = { brief: "Id of a request", parse: actId, placeholder: "id" } as const;

export interface ReasonFlags extends ClientFlags {
  readonly reason: string;
}

/** Files an act and shows what became of it. */
export async function fileAct(
  path: string,
  body: object,
  flags: ClientFlags,
  context: CliContext,
): Promise<void> {
  const client = await connect(flags, context);
  printFiled(context.process, await client.post<ActResource>(path, body), flags.json);
}

/** An act with all its devices. */
export async function actDetail(client: FleetClient, id: string): Promise<ActDetail> {
  const path = `/v1/quarantine/${id}`;
  let { next, ...detail } = await client.get<ActDetail>(`${path}?limit=1000`);
  while (next !== undefined) {
    const page = await client.get<ActDetail>(`${path}?limit=1000&after=${next}`);
    detail = { ...detail, devices: [...detail.devices, ...page.devices] };
    next = page.next;
  }
  return detail;
}

/** @throws RangeError */
function actId(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text))
    throw new RangeError("an id has 16 hex digits: daymark quarantine status");
  return text;
}

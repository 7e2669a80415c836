/** The log of a fleet from the server that runs on its folder: an audit export, with a token of that folder. */
import { join } from "node:path";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { secretNames } from "../adapters/secret-folder.js";
import { readToken } from "../adapters/token-folder.js";
import { exportedRecords } from "../audit/export-records.js";
import { FleetError } from "../errors.js";
import type { EventLog } from "../ports.js";
import { CliError } from "./exit.js";
import { ApiRefusal, FleetClient } from "./http.js";

/**
 * Reading throws FleetError "fenced" while the server signs nothing, and "unreachable" when it gives no log for
 * another reason, or not all of it.
 * @param folder - of the fleet. Whoever may read it has its keys, and may use its tokens.
 * @param url - of the API of the server that runs on it.
 * @throws FleetError "denied" when there is no token that its owner alone can read, "bad-request".
 */
export async function logOfServer(
  folder: string,
  url: string,
): Promise<Pick<EventLog, "read"> & { close(): Promise<void> }> {
  const client = new FleetClient(new URL(url), await tokenIn(join(folder, "tokens")), OR_STOP);
  return {
    async *read(from) {
      const damaged = (after: number) => broken(folder, `is no log after record ${after}`);
      try {
        const isWhole = yield* exportedRecords(client.octets(EXPORT), from, damaged, crypto);
        if (!isWhole) throw broken(folder, "ends before the end of its log");
      } catch (error) {
        throw error instanceof CliError ? notGiven(folder, error) : error;
      }
    },
    close: () => Promise.resolve(),
  };
}

const EXPORT = "/v1/audit/export";
/** Its token is made at the first start. */
const ADMIN = "admin";
const OR_STOP = "try again, or stop the server first";

/** That of `admin`, else of whoever comes first. */
async function tokenIn(folder: string): Promise<string> {
  const names = await secretNames(folder);
  const name = names.includes(ADMIN) ? ADMIN : names[0];
  if (name !== undefined) return readToken(join(folder, name));
  throw new FleetError("denied", `${folder} holds no token to ask the server with; stop the server first`);
}

function notGiven(folder: string, cause: CliError): FleetError {
  if (!(cause instanceof ApiRefusal)) return new FleetError("unreachable", cause.message, { cause });
  if (cause.code === "fenced")
    return new FleetError("fenced", `${cause.detail}; until it is stopped, it gives no log`, { cause });
  const text = `the server on ${folder} gives no log: ${cause.message}; ${OR_STOP}`;
  return new FleetError("unreachable", text, { cause });
}

function broken(folder: string, how: string): FleetError {
  return new FleetError("unreachable", `what the server on ${folder} sends ${how}; ${OR_STOP}`);
}

/** Whether what a backup holds is a fleet that would start: the checks of a start, without a folder. Pure. */
import { FleetError } from "../errors.js";
import { keysInUse, type ServiceKeys, type SomeKeys } from "../fleet-keys.js";
import type { Folded } from "../fold.js";
import type { Position } from "../ports.js";
import { TOKEN_SECRET_BYTES } from "../sync-tokens.js";
import { BackupRefused } from "./refused.js";

const SECRET = new RegExp(`^[0-9a-f]{${2 * TOKEN_SECRET_BYTES}}$`, "i");

/** What a backup is of. */
export interface BackupSummary {
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  readonly name: string;
  /** How many; also the position of the newest. */
  readonly records: Position;
  /** Of the newest record: stands for the whole log. */
  readonly hash: string;
  /** Unix seconds of fleet time. */
  readonly newestAt: number;
  /** Version of the newest Authority. */
  readonly authority: number;
  readonly devices: number;
}

interface Held {
  readonly folded: Folded;
  readonly records: Position;
  readonly hash: string;
  readonly keys: SomeKeys;
  /** In `keys/next`. */
  readonly staged: SomeKeys;
  /** The text of `keys/token.secret`. */
  readonly tokenSecret: string | undefined;
}

/** @throws BackupRefused */
export function judgeBackup({ folded, records, hash, keys, staged, tokenSecret }: Held): BackupSummary {
  const { chain, view } = folded;
  const newest = chain.at(-1);
  if (!newest) throw new BackupRefused("there is no fleet in this backup: its log does not found one");
  assertKeys(folded, keys, staged);
  assertTokenSecret(view, tokenSecret);
  return {
    fleetId: newest.fleetId,
    name: view.name,
    records,
    hash,
    newestAt: view.lastAt,
    authority: newest.authority.value.version,
    devices: view.devices.size,
  };
}

function assertKeys({ chain }: Folded, keys: SomeKeys, staged: SomeKeys): void {
  const authorities = chain.map(({ authority }) => authority.value);
  try {
    keysInUse(authorities, keys as ServiceKeys, staged); // looks whether they are
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const version = authorities.length;
    const why = `the keys are not those that Authority ${version} in its log names`;
    throw new BackupRefused(`a fleet would not start from this: ${why}; ${error.message}`, { cause: error });
  }
}

function assertTokenSecret({ devices }: Folded["view"], secret: string | undefined): void {
  const isUsed = [...devices.values()].some(({ tokens }) => tokens.shown > 0);
  if (secret === undefined && !isUsed) return;
  if (secret !== undefined && SECRET.test(secret.trim())) return;
  throw new BackupRefused("a fleet would not start from this: keys/token.secret is missing or damaged");
}

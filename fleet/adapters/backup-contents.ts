/**
 * What has been read of a backup, or put into one: each record must follow the one before it, and in the end keys and
 * log must belong together. The same eyes look at it when it is made, verified and restored.
 */
import { privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import type { Crypto, Signer } from "../../protocol/crypto.js";
import { type BackupFile, type BackupItem, ItemReader } from "../backup/items.js";
import { type BackupSummary, judgeBackup } from "../backup/judge.js";
import { BackupRefused } from "../backup/refused.js";
import { FLEET_KEY_NAMES, type SomeKeys } from "../fleet-keys.js";
import { emptyFold, foldEvent } from "../fold.js";
import type { LogRecord } from "../ports.js";
import { chainHash, openRecord } from "./record-chain.js";

/** Keys, those that wait, and one token for each operator: far more than a fleet has. */
const MAX_FILES = 1200;

/** Is told how many records are through, now and then. */
export type Progress = (records: number) => void;
/** Records after which somebody who waits wants to hear something. */
const PROGRESS_RECORDS = 50_000;

export class BackupContents {
  readonly #crypto: Crypto;
  readonly #progress: Progress;
  readonly #files = new Map<string, string>();
  #folded = emptyFold();
  #records = 0;
  #hash = chainHash(undefined);

  constructor(crypto: Crypto, progress: Progress) {
    this.#crypto = crypto;
    this.#progress = progress;
  }

  /** @throws BackupRefused for a record that is not the next one, or that this version cannot read. */
  takeRecord(sealed: string): LogRecord {
    if (this.#files.size > 0) throw new BackupRefused("a backup has its records before its files");
    const record = this.#opened(sealed);
    this.#records = record.position;
    this.#hash = record.hash;
    if (this.#records % PROGRESS_RECORDS === 0) this.#progress(this.#records);
    return record;
  }

  /** @throws BackupRefused */
  takeFile({ name, content }: BackupFile): void {
    if (this.#files.has(name) || this.#files.size === MAX_FILES)
      throw new BackupRefused("a backup has each file once, and not as many as this one");
    this.#files.set(name, Buffer.from(content).toString("utf8"));
  }

  /** To be called at the end. @throws BackupRefused when no fleet would start from it. */
  judge(): BackupSummary {
    return judgeBackup({
      folded: this.#folded,
      records: this.#records,
      hash: this.#hash,
      keys: this.#keysIn("keys"),
      staged: this.#keysIn("keys/next"),
      tokenSecret: this.#files.get("keys/token.secret"),
    });
  }

  /** The next record, and what it says is known. */
  #opened(sealed: string): LogRecord {
    const position = this.#records + 1;
    try {
      const record = openRecord(position, sealed, this.#hash);
      for (const event of record.events) this.#folded = foldEvent(this.#folded, event, this.#crypto);
      return record;
    } catch (cause) {
      // Whatever it is: it was written by whoever has the passphrase, and this version can do nothing with it.
      const why = "is not as its log had it, or of a newer version of daymark";
      throw new BackupRefused(`record ${position} in this backup ${why}`, { cause });
    }
  }

  #keysIn(folder: string): SomeKeys {
    const found = FLEET_KEY_NAMES.flatMap((name) => {
      const pem = this.#files.get(`${folder}/${name}.pem`);
      return pem === undefined ? [] : [[name, this.#signer(pem, `${folder}/${name}.pem`)] as const];
    });
    return Object.fromEntries(found);
  }

  #signer(pem: string, name: string): Signer {
    try {
      const key = privateKeyFromPem(pem);
      return {
        publicKey: this.#crypto.publicKey(key),
        sign: (message) => this.#crypto.sign(key, message),
      };
    } catch {
      throw new BackupRefused(`the key ${name} in this backup cannot be read`); // a cause might quote it
    }
  }
}

/** Of a backup, one by one. @throws BackupRefused */
export async function* backupItems(plain: AsyncIterable<Uint8Array>): AsyncIterable<BackupItem> {
  const reader = new ItemReader();
  for await (const piece of plain) yield* reader.take(piece);
  reader.end();
}

/**
 * Reads a backup from its beginning to its end.
 * @throws BackupRefused when it is not whole, or no fleet would start from it.
 */
export async function verifyBackup(
  plain: AsyncIterable<Uint8Array>,
  crypto: Crypto,
  progress: Progress = () => undefined,
): Promise<BackupSummary> {
  const contents = new BackupContents(crypto, progress);
  for await (const item of backupItems(plain)) {
    if (item.kind === "record") contents.takeRecord(item.sealed);
    else contents.takeFile(item.file);
  }
  return contents.judge();
}

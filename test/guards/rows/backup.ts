/** Guards of backups: what is sealed stays as it was, what is put back is whole, and a fleet starts from it. */
import type { Guard } from "../guard.js";

const FORMAT = "test/fleet/backup-format.test.ts";
const BACKUP = "test/fleet/backup.test.ts";
const CLI = "test/fleet/backup-cli.test.ts";
const CIPHER = "fleet/adapters/backup-cipher.ts";
const CREATE = "fleet/adapters/backup-create.ts";
const CONTENTS = "fleet/adapters/backup-contents.ts";
const RESTORE = "fleet/adapters/backup-restore.ts";
const FILE = "fleet/adapters/backup-file.ts";

export const backupGuards: readonly Guard[] = [
  {
    name: "a backup that was changed is not opened",
    file: CIPHER,
    find: "      decipher.final();\n",
    replace: "",
    test: { file: FORMAT, name: "each flipped byte and each shorter length is refused" },
  },
  {
    name: "a backup that was cut off after a chunk is not opened",
    file: CIPHER,
    find: "isLast ? 1 : 0",
    replace: "isLast ? 0 : 0",
    test: { file: FORMAT, name: "chunks cannot be left out, doubled, swapped, cut off or added" },
  },
  {
    name: "the chunks of a backup have their order",
    file: CIPHER,
    find: "view.setUint32(NONCE_BYTES - 5, number);",
    replace: "view.setUint32(NONCE_BYTES - 5, 0);",
    test: { file: FORMAT, name: "chunks cannot be left out, doubled, swapped, cut off or added" },
  },
  {
    name: "the chunks of a backup vouch for its header",
    file: CIPHER,
    find: "return encodeHeader(header); // so that nothing in the clear can be changed",
    replace: "return encodeHeader({ ...header, cost: 0, salt: new Uint8Array(32) });",
    test: { file: FORMAT, name: "every chunk vouches for the header" },
  },
  {
    name: "a backup does not choose what opening it costs",
    file: "fleet/backup/header.ts",
    find: "if (cost < COSTS.least || cost > COSTS.most)",
    replace: "if (cost > 255)",
    test: { file: FORMAT, name: "a file must not choose what opening it costs" },
  },
  {
    name: "each backup has a key of its own",
    file: CREATE,
    find: "salt: entropy(SALT_BYTES)",
    replace: "salt: entropy(SALT_BYTES).fill(7)",
    test: { file: BACKUP, name: "a second one replaces the first, and has another salt" },
  },
  {
    name: "no file of a backup leads out of the folder",
    file: "fleet/backup/items.ts",
    find: "return FILE_NAME.test(name);",
    replace: "return name.length <= 80 && FILE_NAME !== undefined;",
    test: { file: FORMAT, name: 'items the name "../keys/hold.pem" is refused as soon as it is seen' },
  },
  {
    name: "an item of a backup has a bound before it is held",
    file: "fleet/backup/items.ts",
    find: "if (length > (MAX_ITEM_BYTES[kind] ?? 0)) throw strange();",
    replace: "if (MAX_ITEM_BYTES[kind] === undefined) throw strange();",
    test: { file: FORMAT, name: "items a record longer than any is refused as soon as it is seen" },
  },
  {
    name: "an item that is not whole is none",
    file: "fleet/backup/items.ts",
    find: "if (this.#held.length > 0) throw strange();",
    replace: "",
    test: { file: FORMAT, name: "items one that is not whole is none" },
  },
  {
    name: "each record of a backup follows the one before",
    principle: "P3",
    file: CONTENTS,
    find: "openRecord(position, sealed, this.#hash)",
    replace: "openRecord(position, sealed, JSON.parse(sealed.slice(65)).previous)",
    test: {
      file: BACKUP,
      name: "whoever has the passphrase cannot put something else together the end of another log",
    },
  },
  {
    name: "a file stands once in a backup",
    file: CONTENTS,
    find: "this.#files.has(name) || ",
    replace: "",
    test: {
      file: BACKUP,
      name: "whoever has the passphrase cannot put something else together a file doubled",
    },
  },
  {
    name: "keys and log of a backup belong together",
    file: "fleet/backup/judge.ts",
    find: "  assertKeys(folded, keys, staged);\n",
    replace: "",
    test: { file: BACKUP, name: "no backup is made from which no fleet would start" },
  },
  {
    name: "a backup without its secret of sync tokens is none",
    file: "fleet/backup/judge.ts",
    find: "  assertTokenSecret(view, tokenSecret);\n",
    replace: "",
    test: { file: BACKUP, name: "no backup is made with a secret of sync tokens that is none" },
  },
  {
    name: "the keys of a backup are those of its log's end",
    file: CREATE,
    find: "!sameFiles(before, after)",
    replace: "sameFiles([], after)",
    test: { file: BACKUP, name: "when keys change while the log is read, the keys that are saved" },
  },
  {
    name: "a backup that fails leaves the one before",
    file: FILE,
    find: "const temporary = join(folder, `.${basename(path)}.${process.pid}.new`);",
    replace: "const temporary = basename(folder) === '' ? folder : path;",
    test: {
      file: BACKUP,
      name: "no backup is made when the disk fails at any step: what was there before stays",
    },
  },
  {
    name: "a backup is for its owner alone",
    file: FILE,
    find: "disk.create(temporary, FILE_MODE)",
    replace: "disk.create(temporary, FILE_MODE | 0o044)",
    test: { file: BACKUP, name: "saved and put back it is the same fleet, to the byte, and starts" },
  },
  {
    name: "what is restored gets its name last",
    principle: "P4",
    file: RESTORE,
    find: "const unfinished = `${folder}.new`;",
    replace: "const unfinished = folder;",
    test: { file: BACKUP, name: "nothing is put back P4: and a power cut leaves nothing or all of it" },
  },
  {
    name: "what a restore that was cut off has left is cleared",
    file: RESTORE,
    find: "if (name !== LOCK) await disk.removeTree",
    replace: "if (name === '') await disk.removeTree",
    test: { file: BACKUP, name: "nothing is put back P4: and a power cut leaves nothing or all of it" },
  },
  {
    name: "two restores do not write into each other",
    file: RESTORE,
    find: "return lockFolder(unfinished);",
    replace: "return { lockFolder, release: async () => undefined };",
    test: { file: BACKUP, name: "nothing is put back where another restore is at work" },
  },
  {
    name: "a restore that fails leaves no keys behind",
    file: RESTORE,
    find: "await disk.removeTree(unfinished).catch(() => undefined); // keys are in it\n",
    replace: "",
    test: { file: BACKUP, name: "nothing is put back when the disk fails" },
  },
  {
    name: "a passphrase has a least length",
    file: "fleet/cli/backup-passphrase.ts",
    find: "if (Array.from(text).length < MIN_CHARACTERS)",
    replace: "if (Array.from(text).length < MIN_CHARACTERS - 9)",
    test: { file: CLI, name: "it says what is wrong, and what to do a short passphrase" },
  },
];

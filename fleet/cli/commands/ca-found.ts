/** `daymark ca init | key`: keys where they are to stay, and the founding of a fleet with them. */
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { toHex } from "../../../protocol/bytes.js";
import { keyId } from "../../../protocol/cose.js";
import type { PublicKey } from "../../../protocol/crypto.js";
import { createKeyFiles } from "../../adapters/key-files.js";
import { FLEET_KEY_NAMES, type FleetKeyName } from "../../fleet-keys.js";
import {
  aliases,
  ceremonyNow,
  count,
  files,
  type FreshnessFlags,
  freshnessFlags,
  keyName,
  outFlag,
  show,
  switchFlag,
  tablesFrom,
} from "../ca-flags.js";
import { foundOffline, type KeyPlan } from "../ca-found.js";
import { type CliContext, jsonFlag } from "../connection.js";
import { readText } from "../files.js";
import { printJson, printLine, printRecord } from "../output.js";
import { readPublicKey } from "../public-key.js";

interface InitFlags extends FreshnessFlags {
  readonly out: string;
  readonly name: string;
  readonly roots?: number;
  readonly rootKey?: readonly string[];
  readonly rootThreshold?: number;
  readonly releases?: number;
  readonly releaseKey?: readonly string[];
  readonly releaseThreshold?: number;
  readonly releaseOffline: boolean;
  readonly transfers?: number;
  readonly transferKey?: readonly string[];
  readonly transferThreshold?: number;
  readonly json: boolean;
}

export const init = buildCommand<InitFlags, [], CliContext>({
  docs: {
    brief: "Found a fleet whose root keys do not live with its server",
    fullDescription: [
      "Makes a folder with `offline/`, whose keys go to a safe place, and `online/`, the data folder of the server:",
      "daymark server run --data <folder>/online. Without this command the server founds a fleet by itself and",
      "has all keys. Keys that were made elsewhere (daymark ca key) are named by their public files; version 1 is",
      "then signed there, see daymark ca sign, before the server takes it.",
      "",
      "Whoever can give devices away can have them freed elsewhere: where the release keys are offline, so are the",
      "transfer keys, and unless you say otherwise they are as many, of which as many must sign.",
      "",
      "Example: daymark ca init --out harbour --roots 3 --root-threshold 2 --releases 2 --release-threshold 2",
    ].join("\n"),
  },
  parameters: {
    flags: {
      out: outFlag("The new folder"),
      name: { kind: "parsed", parse: String, default: "daymark", brief: "Of the fleet, for people" },
      roots: count("Root keys to make [default: 1, or none beside --root-key]"),
      rootKey: files("Public root key that was made elsewhere; may be repeated"),
      rootThreshold: count("How many root keys must sign [default: 1]"),
      releases: count("Release keys to make, offline [default: 1 that the server has]"),
      releaseKey: files("Public release key that was made elsewhere; may be repeated"),
      releaseThreshold: count("How many release keys must sign [default: 1]"),
      releaseOffline: switchFlag("Keep the release key offline"),
      transfers: count("Transfer keys to make, offline [default: as many as release keys]"),
      transferKey: files("Public transfer key that was made elsewhere; may be repeated"),
      transferThreshold: count("How many transfer keys must sign [default: 1]"),
      ...freshnessFlags,
      json: jsonFlag,
    },
    aliases,
  },
  async func(flags) {
    const { out: folder, name, releaseOffline } = flags;
    const root = await keyPlan(flags.roots, flags.rootKey, flags.rootThreshold, this);
    const release = await keyPlan(flags.releases, flags.releaseKey, flags.releaseThreshold, this);
    const apart = releaseOffline || [flags.releases, flags.releaseKey, flags.releaseThreshold].some(Boolean);
    const isSaid = [flags.transfers, flags.transferKey, flags.transferThreshold].some(Boolean);
    const transfer = isSaid
      ? await keyPlan(flags.transfers, flags.transferKey, flags.transferThreshold, this)
      : { made: release.made + release.given.length, given: [], threshold: release.threshold };
    const tables = tablesFrom(flags);
    const plan = {
      folder,
      name,
      root,
      tables,
      ...(apart && { release }),
      ...((apart || isSaid) && { transfer }),
    };
    const state = await foundOffline(plan, ceremonyNow());
    show(state, undefined, flags.json, this);
    printLine(this.process.stderr, `bring ${folder}/offline to a safe place now; it is not needed to run`);
    printLine(this.process.stderr, `then: daymark server run --data ${folder}/online`);
  },
});

interface KeyFlags {
  readonly out: string;
  readonly json: boolean;
}

export const key = buildCommand<KeyFlags, [FleetKeyName], CliContext>({
  docs: {
    brief: "Make a key where it is to stay",
    fullDescription: [
      "Writes NAME.pem, which never leaves this machine, and NAME.pub.pem, to be carried to where the next",
      "Authority is drafted. For the server itself the folder is <data>/fleet/keys/next: it takes the key from",
      "there when an Authority names it.",
      "",
      "Example: daymark ca key hold --out daymark-data/fleet/keys/next",
    ].join("\n"),
  },
  parameters: {
    flags: { out: outFlag("Folder that the two files are laid into"), json: jsonFlag },
    aliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: FLEET_KEY_NAMES.join(", "), parse: keyName, placeholder: "name" }],
    },
  },
  async func({ out, json }, name) {
    const path = resolve(out, name);
    const { crypto, entropy } = ceremonyNow();
    const id = toHex(keyId(await createKeyFiles(path, crypto, entropy), crypto));
    const made = { key: id, private: `${path}.pem`, public: `${path}.pub.pem` };
    if (json) printJson(this.process.stdout, made);
    else printRecord(this.process.stdout, made);
  },
});

async function keyPlan(
  made: number | undefined,
  given: readonly string[] = [],
  threshold = 1,
  { process }: CliContext,
): Promise<KeyPlan> {
  const keys: PublicKey[] = [];
  for (const path of given) keys.push(readPublicKey(await readText(path, process)));
  return { made: made ?? (keys.length > 0 ? 0 : 1), given: keys, threshold };
}

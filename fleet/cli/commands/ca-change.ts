/** `daymark ca rotate | sign`: the next Authority, drafted here and signed wherever its root keys are. */
import { buildCommand } from "@stricli/core";
import type { PublicKey } from "../../../protocol/crypto.js";
import { readKeyFile } from "../../adapters/key-files.js";
import { draftNext, type KeptIssuers, TERM_KINDS, type TermKind } from "../../ceremony-next.js";
import { encodeDraft, openChain, signAuthority, signingState } from "../../ceremony-signing.js";
import type { FleetKeyName } from "../../fleet-keys.js";
import { withReleaseTerms } from "../../release-terms.js";
import {
  aliases,
  ceremonyNow,
  file,
  type FreshnessFlags,
  freshnessFlags,
  keyCount,
  keyName,
  named,
  outFlag,
  rfc3339,
  show,
  switchFlag,
  tablesFrom,
} from "../ca-flags.js";
import { changesFrom, type Named } from "../ca-rotate.js";
import { type CliContext, jsonFlag } from "../connection.js";
import { readBytes, readText, writeOut } from "../files.js";
import { printLine } from "../output.js";
import { readPublicKey } from "../public-key.js";

interface RotateFlags extends FreshnessFlags {
  readonly out: string;
  readonly key?: readonly Named<string>[];
  readonly threshold?: readonly Named<number>[];
  readonly fresh?: readonly FleetKeyName[];
  readonly keys?: string;
  readonly term?: readonly TermKind[];
  readonly timeBase?: number;
  readonly x509Root?: string;
  readonly replaceX509Root: boolean;
  readonly keepIssuers: KeptIssuers;
  readonly json: boolean;
}

export const rotate = buildCommand<RotateFlags, [string], CliContext>({
  docs: {
    brief: "Draft the next Authority",
    fullDescription: [
      "From the chain of a fleet and what is to change, to a draft that nobody has signed; see daymark ca sign.",
      "A term is raised to cure a key that signed the highest number, or the year 2100. With new release keys, the",
      "terms of directives and advisories are raised too: nobody can sign again what the old ones have signed.",
      "",
      "A CA that is replaced issues no more. What it issued ends, unless it stays listed: for the factory's that is",
      "the default, since identities of birth never expire.",
      "",
      "Example: daymark ca rotate chain.bundle --out draft --key hold=hold.pub.pem --term directive",
    ].join("\n"),
  },
  parameters: {
    flags: {
      out: outFlag("The draft to write"),
      key: {
        kind: "parsed",
        parse: named(String),
        optional: true,
        variadic: true,
        placeholder: "name=file",
        brief: "New public key of a role or CA; repeat it for a role of several keys",
      },
      threshold: {
        kind: "parsed",
        parse: named(keyCount),
        optional: true,
        variadic: true,
        placeholder: "role=n",
        brief: "How many keys of a role must sign",
      },
      fresh: {
        kind: "parsed",
        parse: keyName,
        optional: true,
        variadic: true,
        placeholder: "name",
        brief: "Role or CA, or x509-root, whose new key is made here",
      },
      keys: { ...outFlag("Folder for fresh keys; on the server: <data>/fleet/keys/next"), optional: true },
      term: { kind: "enum", values: TERM_KINDS, optional: true, variadic: true, brief: "Term to raise" },
      timeBase: {
        kind: "parsed",
        parse: rfc3339,
        optional: true,
        placeholder: "time",
        brief: "Fleet time at which its new term begins, RFC 3339 [default: now]",
      },
      x509Root: {
        ...file("Key of the X.509 root, for new certificates; with --replace-x509-root the new one"),
        optional: true,
      },
      replaceX509Root: switchFlag("Put the key of --x509-root in the place of the X.509 root"),
      keepIssuers: {
        kind: "enum",
        values: ["factory", "all", "none"],
        default: "factory",
        brief: "Replaced CAs that stay listed",
      },
      ...freshnessFlags,
      json: jsonFlag,
    },
    aliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "From daymark ca export", parse: String, placeholder: "chain" }],
    },
  },
  async func(flags, chain) {
    const context = ceremonyNow();
    const { crypto, entropy, now } = context;
    const { trust } = openChain(await readBytes(chain, this.process), crypto);
    const keys: Named<PublicKey>[] = [];
    for (const [name, path] of flags.key ?? [])
      keys.push([name, readPublicKey(await readText(path, this.process))]);
    const { x509Root, keys: folder, replaceX509Root, keepIssuers } = flags;
    const words = {
      keys,
      thresholds: flags.threshold ?? [],
      fresh: flags.fresh ?? [],
      terms: flags.term ?? [],
      timeBase: flags.timeBase ?? now,
      replaceX509Root,
      keepIssuers,
      tables: tablesFrom(flags),
      ...(folder !== undefined && { folder }),
      ...(x509Root !== undefined && { x509Root }),
    };
    const { value: known } = trust.authority;
    const changes = withReleaseTerms(await changesFrom(words, trust, crypto, entropy), known);
    const draft = encodeDraft(draftNext(trust, changes, context));
    await writeOut(flags.out, draft);
    show(signingState(draft, trust, crypto), known, flags.json, this);
    const also = changes.terms.filter((kind) => !words.terms.includes(kind));
    if (also.length > 0)
      printLine(
        this.process.stderr,
        `release keys end, and with them what they signed: new term of ${also.join(", ")}`,
      );
  },
});

interface SignFlags {
  readonly key?: string;
  readonly chain?: string;
  readonly out?: string;
  readonly json: boolean;
}

export const sign = buildCommand<SignFlags, [string], CliContext>({
  docs: {
    brief: "Add a root key's signature to an Authority",
    fullDescription: [
      "Shows what the Authority changes, adds one signature, and says what is still missing. Several people sign",
      "one after the other, each the file that the one before has written. Without --key nothing is signed.",
      "A version needs signatures by its own root keys and by those of the version before. Once complete it is",
      "brought to the server: daymark authority apply.",
      "",
      "Example: daymark ca sign draft --chain chain.bundle --key offline/root.pem",
    ].join("\n"),
  },
  parameters: {
    flags: {
      key: { ...file("Private root key"), optional: true },
      chain: { ...file("Chain up to the version before; version 1 needs none"), optional: true },
      out: { ...outFlag("The file to write [default: the one that is signed]"), optional: true },
      json: jsonFlag,
    },
    aliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Draft, or what others have signed", parse: String, placeholder: "file" }],
    },
  },
  async func({ key: keyFile, chain, out, json }, path) {
    const { crypto } = ceremonyNow();
    const bytes = await readBytes(path, this.process);
    const before =
      chain === undefined ? undefined : openChain(await readBytes(chain, this.process), crypto).trust;
    let state = signingState(bytes, before, crypto);
    if (keyFile !== undefined) {
      const signed = signAuthority(bytes, await readKeyFile(keyFile, crypto), before, crypto);
      await writeOut(out ?? path, signed);
      state = signingState(signed, before, crypto);
    }
    show(state, before?.authority.value, json, this);
  },
});

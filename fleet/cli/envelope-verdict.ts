/**
 * Whether a document is signed as it must be, and why one thinks so. Pure: documents, and what the caller
 * trusts, in; verdicts out. Says nothing about whether a document is the newest, or for whom.
 */
import { Authority, holdersOf, openDocument, type Role, type Trust } from "../../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { BirthRecord, BirthRequest } from "../../protocol/birth.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { EnrollRequest } from "../../protocol/certify.js";
import { type EnvelopeParts, keyId, looksSigned, parseEnvelope } from "../../protocol/cose.js";
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import { verifyParts } from "../../protocol/envelope.js";
import { ProtocolError, type ProtocolErrorCode } from "../../protocol/errors.js";
import { SIGNED_MESSAGES } from "../../protocol/messages.js";
import { orRefusal } from "../../protocol/refusal.js";
import type { Message } from "../../protocol/schema.js";
import { Transfer, Voucher } from "../../protocol/voucher.js";
import { verifyChain } from "../../protocol/x509/verify.js";

export interface Verdict {
  /** "refused": the signatures are not what they must be. "unreadable": it was not even looked at them. */
  readonly verdict: "verified" | "refused" | "unreadable" | "not-checked";
  readonly code?: ProtocolErrorCode;
  readonly reason: string;
  /** The role that had to sign, and how many of its keys. */
  readonly role?: Role;
  readonly threshold?: number;
  /** Whose signatures hold: `kid` in hex. */
  readonly signers: readonly { readonly algorithm: string; readonly kid: string }[];
}

/** What the caller trusts. */
export interface Given {
  /** 16 bytes; part of what every signature covers (RFC 9052 §4.4, external_aad). */
  readonly fleetId: Uint8Array;
  /** The fleet's Authorities from version 1 on, each proven by the one before; may be none. */
  readonly chain: readonly Trust[];
  /** The key that documents are expected to be signed with, where no role signs them. */
  readonly key?: PublicKey;
}

/** Judges one envelope or frame. Never throws for what is in the bytes. */
export function verdictOn(bytes: Uint8Array, given: Given, crypto: Crypto): Verdict {
  if (!looksSigned(bytes))
    return notChecked("nobody signs a frame: what is in it proves itself, or only informs");
  const verdict = orRefusal(() => {
    const parts = parseEnvelope(bytes);
    const message = messageOf(parts);
    message.decode(parts.payload); // where nobody can read it, signatures are no question
    return judge({ bytes, parts, message }, given, crypto);
  });
  if (!(verdict instanceof ProtocolError)) return verdict;
  const { code, message: reason } = verdict;
  return { verdict: OF_SIGNATURES.has(code) ? "refused" : "unreadable", code, reason, signers: [] };
}

const OF_SIGNATURES: ReadonlySet<ProtocolErrorCode> = new Set([
  "wrong-key",
  "bad-signature",
  "quorum-missing",
  "bad-certificate",
]);

interface Signed {
  readonly bytes: Uint8Array;
  readonly parts: EnvelopeParts;
  readonly message: Message<unknown> & { readonly signedBy?: Role };
}

/** A voucher after the first is signed by the owner who gives the device away. */
function messageOf({ type, payload }: EnvelopeParts): Signed["message"] {
  const message = SIGNED_MESSAGES.find((one) => one.type === type);
  if (!message)
    throw new ProtocolError("unknown-type", `no message that this version knows has the number ${type}`);
  return message === Voucher && Voucher.decode(payload).index > 0 ? Transfer : message;
}

function judge(signed: Signed, given: Given, crypto: Crypto): Verdict {
  const { type, signedBy } = signed.message;
  const role = type === Authority.type ? "root" : signedBy;
  const newest = given.chain.at(-1);
  if (type === Authority.type && (newest !== undefined || !given.key))
    return onAuthority(signed, given, crypto);
  if (role && newest) return onRole(signed, role, newest, given.chain, crypto);
  if (given.key) return onKey(signed, role, given.key, given.fleetId, crypto);
  if (type === EnrollRequest.type && newest) return onEnrollment(signed, newest, crypto);
  if (type === BirthRequest.type) return onBirth(signed, given.fleetId, crypto);
  if (role) return notChecked(`signed by the role ${role}; give the fleet's Authority with --authority`);
  const signer = type === BirthRecord.type ? "station" : "device";
  return notChecked(`signed by a ${signer}; give its public key with --key`);
}

/** Proven by the version before it or, the first one, by the fleet id, which is its hash. */
function onAuthority({ bytes, parts }: Signed, { fleetId, chain }: Given, crypto: Crypto): Verdict {
  const { version } = Authority.decode(parts.payload);
  if (version === 1) {
    const { signers } = openFirstAuthority(bytes, crypto, fleetId).authority;
    return verified("version 1, signed by its own root keys; the fleet id is its hash", signers, crypto);
  }
  const before = chain[version - 2];
  if (!before) return notChecked(`proven by version ${version - 1}, which is missing here or not proven`);
  const { signers } = openNextAuthority(bytes, before, crypto).authority;
  const reason = `version ${version}, signed by root keys of version ${version - 1} and of its own`;
  return verified(reason, signers, crypto);
}

/** What the newest Authority says, counts; what an older one said of the same, explains. */
function onRole(
  { bytes, message }: Signed,
  role: Role,
  newest: Trust,
  chain: readonly Trust[],
  crypto: Crypto,
): Verdict {
  const document = { ...message, signedBy: role };
  const openedUnder = (trust: Trust) => orRefusal(() => openDocument(document, bytes, trust, crypto));
  const versionOf = (trust: Trust) => `Authority version ${trust.authority.value.version}`;
  const opened = openedUnder(newest);
  if (opened instanceof ProtocolError) {
    const once = chain.findLast((trust) => !(openedUnder(trust) instanceof ProtocolError));
    if (!once) throw opened;
    const history = `${versionOf(once)} accepts it, ${versionOf(newest)} does not`;
    throw new ProtocolError(opened.code, `${opened.message}; ${history}`, { cause: opened });
  }
  const { signers } = opened;
  const { threshold } = holdersOf(role, newest);
  const reason = `signed by ${signers.length} of the ${role} keys, ${threshold} needed (${versionOf(newest)})`;
  return { ...verified(reason, signers, crypto), role, threshold };
}

/** Of several signatures, the one by this key. */
function onKey(
  { parts, message }: Signed,
  role: Role | undefined,
  key: PublicKey,
  fleetId: Uint8Array,
  crypto: Crypto,
): Verdict {
  const own = parts.signatures.find(({ kid }) => equalBytes(kid, keyId(key, crypto)));
  if (!own) throw new ProtocolError("wrong-key", `${message.name}: signed by another key than the one given`);
  const signers = verifyParts({ ...parts, signatures: [own] }, [key], fleetId, crypto, message.name);
  const others = parts.signatures.length - 1;
  const rest = others > 0 ? `; ${others} further signatures were not checked` : "";
  const may = role ? `; whether that is a ${role} key, only --authority tells` : "";
  return verified(`signed by the key given${may}${rest}`, signers, crypto);
}

/** By the IDevID that it carries. Dates are not judged: an IDevID never ends, and old files stay true. */
function onEnrollment({ parts, message }: Signed, { certificates, fleetId }: Trust, crypto: Crypto): Verdict {
  const { idevid, subject } = EnrollRequest.decode(parts.payload);
  const { publicKey, number, profile } = verifyChain(idevid, certificates, 0, crypto);
  if (profile !== "idevid" || number !== subject)
    throw new ProtocolError(
      "wrong-key",
      `${message.name}: its certificate is no IDevID of device ${subject}`,
    );
  const signers = verifyParts(parts, [publicKey], fleetId, crypto, message.name);
  return verified(
    `signed by the IDevID key of device ${number}; the factory vouches for it`,
    signers,
    crypto,
  );
}

function onBirth({ parts, message }: Signed, fleetId: Uint8Array, crypto: Crypto): Verdict {
  const { publicKey } = BirthRequest.decode(parts.payload);
  const signers = verifyParts(parts, [publicKey], fleetId, crypto, message.name);
  return verified("signed by the key that it brings along; whose that is, it cannot say", signers, crypto);
}

function verified(reason: string, signers: readonly PublicKey[], crypto: Crypto): Verdict {
  const named = signers.map((key) => ({ algorithm: key.algorithm, kid: toHex(keyId(key, crypto)) }));
  return { verdict: "verified", reason, signers: named };
}

function notChecked(reason: string): Verdict {
  return { verdict: "not-checked", reason, signers: [] };
}

/** Operators and their tokens: a folder with one file per operator, named after them. Read once, at start. */
import { timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { utf8 } from "../../protocol/bytes.js";
import type { Crypto, Entropy } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import { toBase64Url } from "../events.js";
import type { Tokens } from "../api/auth.js";
import { createSecretFolder, readSecret, secretNames } from "./secret-folder.js";

/** Made at the first start, so that one person's request can be approved with another token. */
const FIRST_OPERATORS = ["admin", "approver"] as const;
const TOKEN_BYTES = 32;
/** Names stand in the log as actors; `fleet` and `device/…` and `act/…` are not people. */
const OPERATOR_NAME = /^(?!fleet$)[a-z][a-z0-9-]{0,31}$/;
/** RFC 6750 §2.1 (b64token); shorter ones could be guessed. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{32,256}=*$/;
const MAX_OPERATORS = 1000;

export function isOperatorName(name: string): boolean {
  return OPERATOR_NAME.test(name);
}

/** A token as it stands in a file. @throws FleetError "denied" when others can read it, "not-found", "bad-request". */
export async function readToken(path: string): Promise<string> {
  const token = (await readSecret(path)).trim();
  if (TOKEN.test(token)) return token;
  throw new FleetError(
    "bad-request",
    `${path} holds no token: 32 to 256 letters, digits and -._~+/, such as 'openssl rand -hex 32' prints`,
  );
}

/**
 * Reads the tokens; makes the first two when there is none. Keeps only their SHA-256.
 * @throws FleetError "denied" when others can read a file, "bad-request" for a name or token that cannot be one.
 */
export async function openTokens(folder: string, crypto: Crypto, entropy: Entropy): Promise<Tokens> {
  if ((await secretNames(folder)).length === 0) {
    const token = () => `${toBase64Url(entropy(TOKEN_BYTES))}\n`;
    await createSecretFolder(folder, new Map(FIRST_OPERATORS.map((name) => [name, token()])));
  }
  const names = await secretNames(folder);
  if (names.length > MAX_OPERATORS) throw new FleetError("bad-request", `at most ${MAX_OPERATORS} operators`);
  const digests = new Map<string, Uint8Array>();
  for (const name of names) {
    if (!isOperatorName(name)) {
      throw new FleetError(
        "bad-request",
        `${join(folder, name)} names no operator: a-z, 0-9 and -, at most 32, not fleet; rename it or take it out`,
      );
    }
    const digest = crypto.sha256(utf8(await readToken(join(folder, name))));
    const twin = operatorOf(digest, digests);
    // Else one person could ask under one name and approve under the other.
    if (twin)
      throw new FleetError("bad-request", `${twin} and ${name} have the same token; give each their own`);
    digests.set(name, digest);
  }
  return { actorOf: (token) => operatorOf(crypto.sha256(utf8(token)), digests) };
}

/** Compares with every one, each in constant time, so that the time taken tells nothing. */
function operatorOf(digest: Uint8Array, digests: ReadonlyMap<string, Uint8Array>): string | undefined {
  let found: string | undefined;
  for (const [name, known] of digests) if (timingSafeEqual(known, digest)) found = name;
  return found;
}

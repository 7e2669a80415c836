/** A fleet that says what the test tells it to, with real certificates: a `FleetLink` over a table of standings. */
import type { FleetChange, FleetLink, Standing } from "../../fleet/link.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority, type Trust } from "../../protocol/authority.js";
import { utf8 } from "../../protocol/bytes.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { openEnvelope, sealEnvelope } from "../../protocol/envelope.js";
import { issueCertificate, newSerial } from "../../protocol/x509/certificate.js";
import type { CertificateTrust } from "../../protocol/x509/trust.js";
import { DAY, NOW, testFleet, type TestFleet } from "../x509/helpers.js";

export const fleet: TestFleet = testFleet("ES256");

export const WORKING: Standing = { level: "none", lowestGeneration: 1, enrolled: true, suspected: false };
export const GATEWAY_LIFE_SECONDS = 90 * DAY;

const TICKET_SEED = new Uint8Array(32).fill(7);

export class ScriptedLink implements FleetLink {
  readonly standings = new Map<number, Standing>();
  /** What was handed over, oldest first. */
  readonly handled: { readonly number: number; readonly message: Uint8Array }[] = [];
  /** What the fleet answers; a test may hold it back, or throw. */
  reply: (message: Uint8Array) => Promise<readonly Uint8Array[]> = () => Promise.resolve([utf8("reply")]);
  time = (): Promise<Uint8Array> => Promise.resolve(utf8("signed time"));
  authorities = (_frame: Uint8Array): Promise<Uint8Array> => Promise.resolve(utf8("authority links"));
  ledger = (_frame: Uint8Array): Promise<readonly Uint8Array[]> =>
    Promise.resolve([utf8("beacon"), utf8("ledger part")]);
  ticketSeed = (): Uint8Array => TICKET_SEED;
  /** How many certificates it has issued. */
  issued = 0;
  /** Unix seconds from which those begin. */
  nowSeconds = NOW;
  #beacon = utf8("beacon 1");
  readonly #listeners = new Set<(change: FleetChange) => void>();
  #trust = trust();

  trust(): Trust {
    return this.#trust;
  }

  standing(number: number): Standing | undefined {
    return this.standings.get(number);
  }

  beacon(): Uint8Array {
    return this.#beacon;
  }

  handle(number: number, message: Uint8Array): Promise<readonly Uint8Array[]> {
    this.handled.push({ number, message });
    return this.reply(message);
  }

  certifyGateway(publicKey: PublicKey, hosts: readonly string[]): Promise<readonly Uint8Array[]> {
    this.issued += 1;
    const request = {
      profile: "gateway",
      ...fleet.holder(1),
      hosts,
      publicKey,
      serial: newSerial((size) => nodeCrypto.sha256(utf8(`gateway ${this.issued}`)).subarray(0, size)),
      subject: { commonName: "gateway" },
      notBeforeSeconds: this.nowSeconds,
      notAfterSeconds: this.nowSeconds + GATEWAY_LIFE_SECONDS,
    } as const;
    return Promise.resolve([issueCertificate(request, fleet.serviceCa, nodeCrypto)]);
  }

  watch(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The fleet decides: the standing is changed first, then it is told. */
  decide(number: number, standing: Partial<Standing>): void {
    this.standings.set(number, { ...(this.standings.get(number) ?? WORKING), ...standing });
    this.#tell({ type: "standing", number });
  }

  push(number: number, document: Uint8Array): void {
    this.#tell({ type: "push", number, document });
  }

  newBeacon(document: Uint8Array, ...parts: readonly Uint8Array[]): void {
    this.#beacon = document;
    this.#tell({ type: "beacon", document, parts });
  }

  broadcast(document: Uint8Array): void {
    this.#tell({ type: "broadcast", document });
  }

  /** The next version; `certificates` take the place of those that count now. */
  newAuthority(certificates: CertificateTrust = this.#trust.certificates): void {
    const { authority, fleetId } = this.#trust;
    const value = { ...authority.value, version: authority.value.version + 1 };
    this.#trust = { fleetId, authority: { ...authority, value }, certificates };
    this.#tell({ type: "authority" });
  }

  #tell(change: FleetChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function trust(): Trust {
  const { signer } = fleet.root;
  const value: Authority = {
    version: 1,
    name: "Tidewater",
    roles: [{ role: "root", threshold: 1, keys: [signer.publicKey] }],
    terms: { directive: 1, advisory: 1, ledger: 1, time: 1, timeBase: 0 },
    anchors: fleet.trust.roots,
    issuers: fleet.trust.issuers,
    freshness: [],
  };
  const sealed = sealEnvelope(Authority, value, signer, fleet.fleetId, nodeCrypto);
  const authority = openEnvelope(Authority, sealed, [signer.publicKey], fleet.fleetId, nodeCrypto);
  return { fleetId: fleet.fleetId, authority, certificates: fleet.trust };
}

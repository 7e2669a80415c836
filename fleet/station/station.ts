/**
 * The station's half of a birth: hello → challenge, request → grant, stored → done. The journal is
 * written before the grant leaves, so that no number is given twice; the same device asking again, after
 * a cut at any point, gets the very papers it got before.
 */
import { BirthChallenge, BirthGrant, BirthHello, BirthRequest, BirthStored } from "../../protocol/birth.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { openEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { FleetError } from "../errors.js";
import { type Birth, drawUpPapers, foundingOf, type Papers, type StationIdentity } from "./births.js";

/** Where a station keeps its births. */
export interface StationJournal {
  /** The birth of this hardware, if it was born here. */
  find(hardwareId: Uint8Array): (Papers & Pick<Birth, "publicKey" | "number">) | undefined;
  /** Number, place and previous record for the next birth. */
  next(): Pick<Birth, "number" | "index" | "previous">;
  /**
   * Durable once resolved. `station`: its certificate, DER, which issued the IDevID.
   * @throws FleetError "conflict" when another birth was written since `next`: look again.
   */
  append(birth: Birth, papers: Papers, station: Uint8Array): Promise<void>;
}

/** Number and place of a birth, and when it is. */
export type Place = Pick<Birth, "number" | "index" | "previous" | "bornAt">;

/** Challenges that wait for their answer; the oldest is dropped for a new one. */
const MAX_OPEN_CHALLENGES = 1000;
/** How often a birth is drawn up again because another station was first. */
const MAX_TRIES = 16;

export class Station {
  readonly #identityNow: () => Promise<StationIdentity>;
  readonly #journal: StationJournal;
  /** Unix seconds. */
  readonly #now: () => number;
  readonly #open = new Map<string, BirthHello>();
  #tail: Promise<unknown> = Promise.resolve();

  /** @param identity - asked for each message: keys and Authority may have changed since the last one. */
  constructor(identity: () => Promise<StationIdentity>, journal: StationJournal, now: () => number) {
    this.#identityNow = identity;
    this.#journal = journal;
    this.#now = now;
  }

  /**
   * One message of a device in, the answer out; empty after `birth-stored`.
   * @throws ProtocolError for bytes that break the protocol; FleetError for a birth that may not be.
   */
  receive(message: Uint8Array): Promise<Uint8Array> {
    const turn = this.#tail.then(() => this.#answer(message)); // one birth at a time: numbers are dense
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Whatever else gives out a number waits for its turn, as births do.
   * @param run - is given the place of the next birth.
   */
  inTurn<T>(run: (identity: StationIdentity, next: Place) => Promise<T>): Promise<T> {
    const turn = this.#tail.then(async () =>
      run(await this.#identityNow(), { ...this.#journal.next(), bornAt: this.#now() }),
    );
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #answer(message: Uint8Array): Promise<Uint8Array> {
    const identity = await this.#identityNow();
    if (!looksSigned(message)) return this.#challenge(decodeFrame(BirthHello, message), identity);
    if (parseEnvelope(message).type === BirthRequest.type) return this.#grant(message, identity);
    return this.#stored(message, identity);
  }

  #challenge(hello: BirthHello, { entropy, trust }: StationIdentity): Uint8Array {
    const nonce = entropy(16);
    const oldest = this.#open.keys().next();
    if (this.#open.size >= MAX_OPEN_CHALLENGES && !oldest.done) this.#open.delete(oldest.value);
    this.#open.set(toHex(nonce), hello);
    return encodeFrame(BirthChallenge, { nonce, fleetId: trust.fleetId });
  }

  async #grant(message: Uint8Array, identity: StationIdentity): Promise<Uint8Array> {
    const { trust, crypto, certificate } = identity;
    const claimed = BirthRequest.decode(parseEnvelope(message).payload);
    // Signed by the key that it carries: proof that the device holds it.
    const { value } = openEnvelope(BirthRequest, message, [claimed.publicKey], trust.fleetId, crypto);
    const hello = this.#open.get(toHex(value.nonce));
    if (!hello || !equalBytes(hello.hardwareId, value.hardwareId) || hello.model !== value.model) {
      throw new FleetError("conflict", "this request answers no open challenge; start again with a hello");
    }
    this.#open.delete(toHex(value.nonce));
    const papers = await this.#papersFor(value, identity);
    const idevid = [papers.idevid, certificate];
    const links = identity.links?.length ? { links: identity.links } : {};
    return encodeFrame(BirthGrant, { ...papers, idevid, authority: foundingOf(identity), ...links });
  }

  async #papersFor(
    { hardwareId, model, publicKey }: BirthRequest,
    identity: StationIdentity,
  ): Promise<Papers> {
    for (let tries = 1; ; tries++) {
      const known = this.#journal.find(hardwareId);
      if (known) {
        if (equalBytes(known.publicKey.bytes, publicKey.bytes)) return known;
        throw new FleetError("conflict", `this hardware was born as number ${known.number} with another key`);
      }
      const birth = { hardwareId, model, publicKey, bornAt: this.#now(), ...this.#journal.next() };
      const papers = drawUpPapers(birth, identity);
      try {
        await this.#journal.append(birth, papers, identity.certificate);
        return papers;
      } catch (error) {
        const wasLate = error instanceof FleetError && error.code === "conflict";
        if (!wasLate || tries === MAX_TRIES) throw error;
      }
    }
  }

  #stored(message: Uint8Array, { trust, crypto }: StationIdentity): Uint8Array {
    const claimed = BirthStored.decode(parseEnvelope(message).payload);
    const born = this.#journal.find(claimed.hardwareId);
    if (!born) throw new FleetError("not-found", "no device with this hardware id was born here");
    const { value } = openEnvelope(BirthStored, message, [born.publicKey], trust.fleetId, crypto);
    if (value.subject !== born.number || !equalBytes(value.record, crypto.sha256(born.record))) {
      throw new FleetError("conflict", "the device stored other papers than it was given; repeat the birth");
    }
    return new Uint8Array();
  }
}

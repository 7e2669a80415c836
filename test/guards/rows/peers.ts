/** Guards of the exchange between two devices, and of what each carries for others. */
import type { Guard } from "../guard.js";

const BAG = "device/peer-bag.ts";
const EXCHANGE = "device/peer-exchange.ts";
const OFFER = "device/peer-offer.ts";
const STREAM = "device/adapters/peer-stream.ts";
const BAG_TEST = "test/device/peer-bag.test.ts";
const EXCHANGE_TEST = "test/device/peer-exchange.test.ts";

export const peerGuards: readonly Guard[] = [
  {
    name: "mail for others is verified before it is carried",
    principle: "P1",
    file: BAG,
    find: "    verifyParts(parseEnvelope(bytes), holdersOf(signedBy, trust), trust.fleetId, this.#crypto, name);\n",
    replace: "    void [name, signedBy, verifyParts, parseEnvelope, holdersOf];\n",
    test: { file: BAG_TEST, name: "refused: of another fleet" },
  },
  {
    name: "mail counts in the term that the Authority names",
    principle: "P3",
    file: BAG,
    find: "if (version[0] !== trust.authority.value.terms.directive)",
    replace: "if (false)",
    test: { file: BAG_TEST, name: "refused: of a term to come" },
  },
  {
    name: "an older letter does not take the place of a newer one",
    principle: "P3",
    file: BAG,
    find: "if (!known || compareVersions(version, known) > 0) this.#mail",
    replace: "if (!known || compareVersions(version, known) !== 0) this.#mail",
    test: { file: BAG_TEST, name: "the newest of each kind and number stays" },
  },
  {
    name: "an older receipt does not take the place of a newer one",
    principle: "P3",
    file: BAG,
    find: "counter > known || ",
    replace: "counter !== known || ",
    test: { file: BAG_TEST, name: "the newest of each device stays" },
  },
  {
    name: "a false receipt cannot keep a device's own out",
    file: BAG,
    find: " || subject === from)",
    replace: ")",
    test: { file: BAG_TEST, name: "a false one with the highest counter gives way" },
  },
  {
    name: "a flood of receipts pushes out no mail",
    principle: "P11",
    file: BAG,
    find: "  readonly #receipts = new Shelf<number>(MAX_RECEIPTS);",
    replace: "  readonly #receipts = this.#mail as unknown as Shelf<number>;",
    test: { file: BAG_TEST, name: "P11: a flood of them" },
  },
  {
    name: "a shelf is bounded in items",
    principle: "P11",
    file: "device/shelf.ts",
    find: "this.#held.size <= this.#bounds.items && ",
    replace: "",
    test: { file: BAG_TEST, name: "P11: at most 64 documents" },
  },
  {
    name: "a shelf is bounded in bytes",
    principle: "P11",
    file: "device/shelf.ts",
    find: " && this.#bytes <= this.#bounds.bytes) return;",
    replace: ") return;",
    test: { file: BAG_TEST, name: "P11: a shelf keeps to its bytes" },
  },
  {
    name: "no more is sent than a peer takes",
    principle: "P11",
    file: OFFER,
    find: "if (length > left) return false;",
    replace: "",
    test: { file: EXCHANGE_TEST, name: "P11: bounds no more is sent than the peer takes" },
  },
  {
    name: "of the ledger all is sent or nothing",
    principle: "P11",
    file: OFFER,
    find: "const whole = sizeOf(envelopes) + sizeOf(ledger) <= maxBytes;",
    replace: "const whole = true;",
    test: { file: EXCHANGE_TEST, name: "P11: bounds no more is sent than the peer takes" },
  },
  {
    name: "a device hands over nobody else's mail",
    file: OFFER,
    find: "if (mail?.subject !== number) return undefined;",
    replace: "if (!mail) return undefined;",
    test: { file: EXCHANGE_TEST, name: "nothing that is another's" },
  },
  {
    name: "a fork is shown to the peer that holds the other half",
    principle: "P3",
    file: OFFER,
    find: " || (order === 0 && !equalBytes(payloadHash(parts, crypto), held!.hash));",
    replace: ";",
    test: { file: EXCHANGE_TEST, name: "of one version with two contents" },
  },
  {
    name: "nothing is heard before the hello",
    file: EXCHANGE,
    find: `  if (!isFrameOf(PeerHello.type, item))
    throw new ProtocolError("unknown-type", "a peer begins with a peer-hello");
`,
    replace:
      '  if (!isFrameOf(PeerHello.type, item)) return { exchange, effects: [{ type: "take", item }] };\n',
    test: { file: EXCHANGE_TEST, name: "documents before the hello" },
  },
  {
    name: "who gets less than was sent says so",
    file: EXCHANGE,
    find: "if (end.items !== came)",
    replace: "if (false)",
    test: { file: EXCHANGE_TEST, name: "an item too few" },
  },
  {
    name: "what came is confirmed",
    principle: "P4",
    file: EXCHANGE,
    find: `        return { exchange: { ...exchange, hears: "receipts", came: 0 }, effects: [{ type: "confirm" }] };`,
    replace: `        return { exchange: { ...exchange, hears: "receipts", came: 0 }, effects: [] };`,
    test: { file: EXCHANGE_TEST, name: "what does not prove itself is refused, and the rest counts" },
  },
  {
    name: "no more is heard than the peer was told",
    principle: "P11",
    file: STREAM,
    find: "if (bytes > maxBytes)",
    replace: "if (false)",
    test: { file: EXCHANGE_TEST, name: "more bytes than it was told" },
  },
  {
    name: "a silent peer is given up",
    principle: "P11",
    file: STREAM,
    find: "this.#silence = this.#options.clock.after(SILENT_MS, () => this.#giveUp());",
    replace: "",
    test: { file: EXCHANGE_TEST, name: "a peer that says nothing is given up" },
  },
  {
    name: "so is one that never ends",
    principle: "P11",
    file: STREAM,
    find: "this.#options.clock.after(LONGEST_MS, () => this.#giveUp());",
    replace: "this.#options.clock.after(LONGEST_MS, () => undefined);",
    test: { file: EXCHANGE_TEST, name: "so is one that goes on for ever" },
  },
  {
    name: "mail is verified under the links that came with it",
    file: STREAM,
    find: "else this.#mail.push(effect.item);",
    replace:
      "else this.#options.bag.takeMail(effect.item, (await storedIn(this.#options.store, this.#options.crypto)).trust);",
    test: { file: EXCHANGE_TEST, name: "mail is opened with the keys that links" },
  },
];

/**
 * Everything that can be carried to one device, and a model of what it then knows: plain numbers, no bytes,
 * no signatures. The shipped machine is held against it after each item.
 */
import { openCarried } from "../../device/edge.js";
import { step } from "../../device/machine.js";
import { contextOf, type DeviceState } from "../../device/state.js";
import { ProtocolError } from "../../protocol/errors.js";
import type { AdvisoryList } from "../../protocol/advisory.js";
import { higherLevel, type Level } from "../../protocol/level.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import { Owner, softSigner } from "./owner.js";

/** The highest number that a document can have: in the old term a stolen key has signed it. */
const HIGHEST = Number.MAX_SAFE_INTEGER;

type Kind = "link" | "directive" | "release" | "advisories" | "removals" | "beacon" | "part" | "noise";

/** What an item says, as the model has it. */
export interface Item {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
  readonly version: Version;
  /** Authorities under which its signature holds: first and last. */
  readonly under: readonly [first: number, last: number];
  readonly level: Level;
}

/** What the device knows, in a few numbers. */
export interface Known {
  authority: number;
  directive: Version;
  release: Version;
  advisories: Version;
  removals: Version;
  beacon: Version;
  level: Level;
}

export const NOTHING: Known = {
  authority: 1,
  directive: NO_VERSION,
  release: NO_VERSION,
  advisories: NO_VERSION,
  removals: NO_VERSION,
  beacon: NO_VERSION,
  level: "none",
};

/** Authority 2 replaces the key that holds devices; 3 begins new terms; 4 changes nothing of it. */
const NEWEST = 4;
const ALWAYS: Item["under"] = [1, NEWEST];
/** Of the first of two parts of a ledger. */
const PART_BYTES = 20;
const termAt = (authority: number) => (authority < 3 ? 1 : 2);

export function learn(known: Known, item: Item): Known {
  const { kind, version, under, level } = item;
  if (kind === "link")
    return version[1] === known.authority + 1 ? { ...known, authority: version[1] } : known;
  if (kind === "part" || kind === "noise") return known;
  const verifies = under[0] <= known.authority && known.authority <= under[1];
  if (!verifies || version[0] !== termAt(known.authority)) return known;
  if (compareVersions(version, known[kind]) <= 0) return known;
  return { ...known, [kind]: version, level: higherLevel(known.level, level) };
}

/** What the device says that it knows. */
export function knownBy({ held, reported }: DeviceState): Known {
  const { trust, directive, release, advisories, ledger } = held;
  const versionOf = (found: { readonly value: { readonly version: Version } } | undefined): Version => [
    ...(found?.value.version ?? NO_VERSION),
  ];
  return {
    authority: trust.authority.value.version,
    directive: versionOf(directive),
    release: versionOf(release),
    advisories: versionOf(advisories.list),
    removals: versionOf(advisories.removal),
    beacon: versionOf(ledger.head),
    level: reported,
  };
}

/** One fleet with all that it ever said to device 1, in order, and what others say to it. */
export class Said {
  readonly fleet = new Owner();
  readonly items: Item[] = [];
  /** The ledgers that there were: version as text → numbers. */
  readonly ledgers = new Map<string, readonly number[]>();
  readonly #opened = new Map<string, ReturnType<typeof openCarried> | undefined>();

  constructor() {
    this.#say(1, [1, 1]); // by the key that Authority 2 replaces
    const hold = softSigner();
    const holdKey = { hold: { keys: [hold.publicKey], threshold: 1 } };
    this.#link(this.fleet.rotate({ roles: holdKey }, { hold }), 2);
    this.#say(10, [2, NEWEST]);
    this.#link(this.fleet.rotate({ terms: ["directive", "advisory", "ledger"] }), 3);
    this.#say(1, [2, NEWEST]);
    this.#link(this.fleet.rotate(), 4);
    this.#say(20, [2, NEWEST]);
    const genuine = [...this.items];
    const stranger = new Said.#Stranger();
    for (const { bytes } of genuine) this.#noise(flipped(bytes, this.items.length));
    for (const bytes of stranger.bytes) this.#noise(bytes);
  }

  /** The state after an item came by hand. What is opened once is not opened again: equal bytes, equal trust. */
  carry(state: DeviceState, item: Item): DeviceState {
    const key = `${this.items.indexOf(item)} ${state.held.trust.authority.value.version}`;
    if (!this.#opened.has(key)) this.#opened.set(key, opened(item.bytes, state));
    const message = this.#opened.get(key);
    if (!message) return state;
    return step(state, { type: "received", message, atMs: 0, entropy: new Uint8Array(32) }).state;
  }

  /**
   * Documents of all kinds; also the highest number of a directive, once in the first term.
   * @param from - lowest number. @param hold - Authorities that name the key for holding devices of now.
   */
  #say(from: number, hold: Item["under"]): void {
    const { fleet } = this;
    const first = fleet.terms.directive === 1;
    const levels = ["observe", "restrict", "observe", "isolate"] as const;
    const numbers = [from, from + 1, from + 3, ...(first && from > 1 ? [HIGHEST] : [])];
    numbers.forEach((n, i) => {
      const level = levels[i] ?? "none";
      this.#add("directive", fleet.directive(1, n, level), [fleet.terms.directive, n], hold, level);
    });
    this.#add(
      "release",
      fleet.release(1, from + 4, "observe"),
      [fleet.terms.directive, from + 4],
      ALWAYS,
      "observe",
    );
    for (const n of [from, from + 2]) {
      const list = fleet.advisories(n, entriesUpTo(n));
      this.#add("advisories", list, [fleet.terms.advisory, n], hold, "observe");
    }
    this.#add("removals", fleet.removal(from, [1]), [fleet.terms.advisory, from], ALWAYS, "none");
    this.#ledger(from, []);
    this.#ledger(
      from + 1,
      Array.from({ length: 60 }, (_, i) => from + 9 * i + (i % 3)),
    );
  }

  #ledger(epoch: number, denied: readonly number[]): void {
    const version: Version = [this.fleet.terms.ledger, epoch];
    this.ledgers.set(String(version), denied);
    this.#add("beacon", this.fleet.beacon(epoch, {}, denied), version, ALWAYS, "none");
    if (denied.length === 0) return; // its Beacon proves it by itself
    this.fleet.denied = denied;
    for (const offset of [0, PART_BYTES]) {
      const part = this.fleet.ledgerPart({
        to: version,
        offset,
        maxPartBytes: offset === 0 ? PART_BYTES : 1024,
      });
      this.#add("part", part, version, ALWAYS, "none");
    }
  }

  #link(bytes: Uint8Array, version: number): void {
    this.#add("link", bytes, [0, version], ALWAYS, "none");
  }

  #noise(bytes: Uint8Array): void {
    this.#add("noise", bytes, NO_VERSION, ALWAYS, "none");
  }

  #add(kind: Kind, bytes: Uint8Array, version: Version, under: Item["under"], level: Level): void {
    this.items.push({ kind, bytes, version, under, level });
  }

  /** Another fleet, which says the same about a device of the same number. */
  static readonly #Stranger = class {
    readonly bytes: readonly Uint8Array[];
    constructor() {
      const fleet = new Owner();
      const links = [fleet.rotate(), fleet.rotate()];
      const documents = [5, HIGHEST].flatMap((n) => [
        fleet.directive(1, n, "isolate"),
        fleet.release(1, n, "none"),
      ]);
      const advice = [fleet.advisories(5, entriesUpTo(5)), fleet.removal(5, [1])];
      this.bytes = [...links, ...documents, ...advice, fleet.beacon(5)];
    }
  };
}

/** Every list has the entries of those before it. */
function entriesUpTo(n: number): AdvisoryList["entries"] {
  return Array.from({ length: Math.min(n, 30) }, (_, i) => ({
    id: i + 1,
    match: { op: "everything" },
    level: "observe",
    reason: "",
  }));
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const place = bytes.length - 1 - (at % 16);
  return bytes.with(place, bytes[place]! ^ (1 << (at % 8)));
}

function opened(bytes: Uint8Array, state: DeviceState): ReturnType<typeof openCarried> | undefined {
  try {
    return openCarried(bytes, contextOf(state, 0));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

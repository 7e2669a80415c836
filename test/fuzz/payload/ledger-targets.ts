/** Ledger data, which nobody signs: contents and changes by themselves, and as a device takes them in parts. */
import { takeBeacon, takePart } from "../../../device/ledger.js";
import { Beacon } from "../../../protocol/beacon.js";
import { equalBytes } from "../../../protocol/bytes.js";
import { openEnvelope, type Opened, sealEnvelope } from "../../../protocol/envelope.js";
import { applyChange, changeBetween, checkChange, composeChanges } from "../../../protocol/ledger/change.js";
import {
  checkContent,
  contentCount,
  contentDigest,
  EMPTY_CONTENT,
  encodeContent,
  holdsNumber,
  lowestGeneration,
} from "../../../protocol/ledger/content.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { NO_VERSION } from "../../../protocol/version.js";
import { type Draw, pick } from "../draw.js";
import { Unacceptable } from "../edge.js";
import { mutateBytes } from "../mutate-bytes.js";
import { outcomeOf } from "../outcome.js";
import { KeyRing, repeatable } from "./keys.js";
import { TAKEN, type Target } from "./target.js";

const FLEET_ID = new Uint8Array(16);
/** A count of numbers that lies costs its reader time: more are seldom read here. */
const CHEAP_BYTES = 400;

export function ledgerTargets(): readonly Target[] {
  const contents = LEDGERS.map(([denied, generations]) => encodeContent({ denied, generations }));
  const changes = contents.flatMap((a) => contents.map((b) => changeBetween(a, b)));
  const all = [...contents, ...changes];
  const beacon = beaconOf(contents[1]!);
  const draw = (draws: Draw) => mutateBytes(pick(draws, all), all, draws).subarray(0, CHEAP_BYTES);
  return [
    { name: "ledger content", share: 14, draw, attempt: readContent },
    { name: "ledger part", share: 4, draw, attempt: (bytes) => takeInParts(bytes, beacon) },
  ];
}

/** Denied numbers, and lowest generations: few, in runs, many, far apart. */
const LEDGERS: readonly (readonly [readonly number[], ReadonlyMap<number, number>])[] = [
  [[], new Map()],
  [[1, 2, 3, 500, 0xffff_ffff], new Map([[7, 2]])],
  [range(1000, 1200), new Map()],
  [
    range(1, 400).filter((number) => number % 3 === 0),
    new Map(range(1, 20).map((number) => [number, 0xffff_ffff])),
  ],
  [range(1, 64).map((number) => number * 60_000_000), new Map()],
];

/** What is a content is a change too; what both give is canonical, whatever came. */
function readContent(bytes: Uint8Array): string {
  orRefusal(() => holdsNumber(bytes, 500));
  orRefusal(() => lowestGeneration(bytes, 7));
  orRefusal(() => composeChanges(bytes, bytes));
  return outcomeOf(() => {
    checkChange(bytes);
    const content = applyChange(EMPTY_CONTENT, bytes);
    checkContent(content);
    if (!equalBytes(applyChange(EMPTY_CONTENT, content), content))
      throw new Unacceptable("what a change leads to is not canonical");
    return TAKEN;
  });
}

/** A Beacon of this ledger, signed as any is. */
function beaconOf(content: Uint8Array): Opened<Beacon> {
  const signer = new KeyRing().signer("ledger");
  const newest = { authority: 1, advisories: NO_VERSION, removals: NO_VERSION, issuedAt: 0 };
  const digest = contentDigest(content, repeatable);
  const value = { version: [1, 2] as const, denied: contentCount(content), digest, ...newest };
  const sealed = sealEnvelope(Beacon, value, signer, FLEET_ID, repeatable);
  return openEnvelope(Beacon, sealed, [signer.publicKey], FLEET_ID, repeatable);
}

/** A device that waits for the ledger of a Beacon holds none until the digest is right. */
function takeInParts(bytes: Uint8Array, beacon: Opened<Beacon>): string {
  const half = bytes.length >> 1;
  const parts = [bytes.subarray(0, half), bytes.subarray(half)];
  let { holding } = takeBeacon({}, beacon, 1, repeatable);
  let word = "nothing";
  for (const [i, part] of parts.entries()) {
    const sent = { to: [1, 2] as const, size: bytes.length, offset: i * half, bytes: part };
    ({ holding, outcome: word } = takePart(holding, sent, 1, repeatable));
  }
  const { digest } = beacon.value;
  if (holding.set && !equalBytes(contentDigest(holding.set.content, repeatable), digest))
    throw new Unacceptable("a ledger is held that no Beacon proves");
  return word;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

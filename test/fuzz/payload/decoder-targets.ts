/** Decoders on their own: every message by its bytes, bundles in pieces, what is shown to people, rules as text. */
import { BundleReader, splitBundle } from "../../../protocol/bundle.js";
import { encodeCbor } from "../../../protocol/codec.js";
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from "../../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../../protocol/cose.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { frameType } from "../../../protocol/frame.js";
import { inspect } from "../../../protocol/inspect.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../../protocol/messages.js";
import { matches } from "../../../protocol/predicate.js";
import { parsePredicate, printPredicate } from "../../../protocol/predicate-text.js";
import { orRefusal } from "../../../protocol/refusal.js";
import type { Message } from "../../../protocol/schema.js";
import { readVectors, VECTOR_FILES } from "../../vectors/read.js";
import { pick } from "../draw.js";
import { Unacceptable } from "../edge.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateText } from "../mutate-text.js";
import { outcomeOf } from "../outcome.js";
import { mutateInside } from "./reseal.js";
import { TAKEN, type Target } from "./target.js";
import type { World } from "./world.js";

const MESSAGES: readonly Message<unknown>[] = [...SIGNED_MESSAGES, ...PLAIN_MESSAGES];
const VECTORS = VECTOR_FILES.flatMap((name) => readVectors(name)).map(({ hex }) => fromHex(hex));

const RULES = [
  'model = "camera"',
  'model in {"cam-2", "cam-3"} and not (number in 100..200)',
  "hardwareId = h'00ff' or algorithm = ES256",
  'not (generation in 1..3) and (station in {7, 9} or firmware = "1.2")',
];
/** Facts of one device, for a rule to be asked about. */
const FACTS = { model: "camera", number: 7 } as const;

export function decoderTargets({ home, ring, documents }: World): readonly Target[] {
  const forger = { ring, fleetId: home.service.trust.fleetId };
  const items = [
    ...documents.filter(looksSigned),
    ...home.sailors.flatMap(({ up, down }) => [...up, ...down]),
  ];
  return [
    {
      name: "message",
      share: 24,
      draw: (draw) => mutateBytes(pick(draw, VECTORS), VECTORS, draw),
      attempt: decodeOne,
    },
    {
      name: "bundle",
      share: 5,
      draw(draw) {
        const some = Array.from({ length: 1 + draw(4) }, () => pick(draw, items));
        const whole = concatBytes(
          ...some.map((item) => (draw(3) === 0 ? mutateInside(item, draw, forger) : item)),
        );
        return draw(3) === 0 ? whole : mutateBytes(whole, items, draw);
      },
      attempt: splitInPieces,
    },
    {
      name: "rule",
      share: 8,
      draw: (draw) => utf8(mutateText(pick(draw, RULES), RULES, draw)),
      attempt: readRule,
    },
  ];
}

/** As the message that it claims to be, or as one of all; what is read can be written, and read again. */
function decodeOne(bytes: Uint8Array): string {
  return outcomeOf(() => {
    const { type, payload } = claimOf(bytes);
    const message = MESSAGES.find((one) => one.type === type) ?? MESSAGES[bytes.length % MESSAGES.length]!;
    const value = message.decode(payload);
    const again = orRefusal(() => message.decode(message.encode(value)));
    if (again instanceof ProtocolError)
      throw new Unacceptable(`${message.name}: read, and not written again`);
    return TAKEN;
  });
}

/** An envelope, a frame, or a payload by itself. */
function claimOf(bytes: Uint8Array): { readonly type?: number; readonly payload: Uint8Array } {
  if (looksSigned(bytes)) return parseEnvelope(bytes);
  const type = orRefusal(() => frameType(bytes));
  if (type instanceof ProtocolError) return { payload: bytes };
  return { type, payload: bytes.subarray(1 + encodeCbor(type).length) };
}

/** The items of a bundle do not depend on the pieces in which it comes; and it can be shown, whatever it is. */
function splitInPieces(bytes: Uint8Array): string {
  inspect(bytes);
  return outcomeOf(() => {
    const reader = new BundleReader();
    const size = 1 + (bytes.length % 61);
    const items: Uint8Array[] = [];
    const inPieces = orRefusal(() => {
      for (let at = 0; at < bytes.length; at += size)
        items.push(...reader.push(bytes.subarray(at, at + size)));
      reader.end();
      return items;
    });
    const whole = orRefusal(() => splitBundle(bytes));
    if (!sameItems(inPieces, whole)) throw new Unacceptable("read otherwise in pieces than as a whole");
    if (whole instanceof ProtocolError) throw whole;
    if (!equalBytes(concatBytes(...whole), bytes)) throw new Unacceptable("the items are not the bundle");
    return TAKEN;
  });
}

function sameItems(
  a: readonly Uint8Array[] | ProtocolError,
  b: readonly Uint8Array[] | ProtocolError,
): boolean {
  if (a instanceof ProtocolError || b instanceof ProtocolError)
    return a instanceof ProtocolError && b instanceof ProtocolError && a.code === b.code;
  return toHex(concatBytes(...a)) === toHex(concatBytes(...b)) && a.length === b.length;
}

function readRule(bytes: Uint8Array): string {
  return outcomeOf(() => {
    const rule = parsePredicate(new TextDecoder().decode(bytes));
    const printed = printPredicate(rule);
    if (printPredicate(parsePredicate(printed)) !== printed)
      throw new Unacceptable("a rule that was printed is read as another one");
    return `${TAKEN}: ${matches(rule, FACTS)}`;
  });
}

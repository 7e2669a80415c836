/** The fleet's front door with a counter: which messages devices send, and how they are answered. */
import { encodeCbor } from "../../protocol/codec.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { SIGNED_MESSAGES } from "../../protocol/messages.js";
import { ErrorReply } from "../../protocol/notice.js";
import type { FleetLink } from "../link.js";

/** `failed`: the fleet could not decide, the device is told to come again. */
export type RequestOutcome = "answered" | "refused" | "failed";
/** @param kind - a message's name, such as "sync-request"; "unreadable" for what is none. */
export type CountRequest = (kind: string, outcome: RequestOutcome) => void;

/** How a frame with an error begins: an array of two, and the number of the message. Not decoded: most are long. */
const ERROR_START = encodeFrame(ErrorReply, { code: "denied" }).subarray(
  0,
  1 + encodeCbor(ErrorReply.type).length,
);
const NAMES: ReadonlyMap<number, string> = new Map(SIGNED_MESSAGES.map(({ type, name }) => [type, name]));

/** Only `handle` is counted: all else is read from the view. */
export function measuredLink(link: FleetLink, count: CountRequest): FleetLink {
  return {
    ...link,
    async handle(number, message) {
      let outcome: RequestOutcome = "failed";
      try {
        const replies = await link.handle(number, message);
        outcome = replies.some(isRefusal) ? "refused" : "answered";
        return replies;
      } finally {
        count(kindOf(message), outcome);
      }
    },
  };
}

function kindOf(message: Uint8Array): string {
  try {
    return NAMES.get(parseEnvelope(message).type) ?? "unreadable";
  } catch {
    return "unreadable";
  }
}

function isRefusal(reply: Uint8Array): boolean {
  return ERROR_START.every((byte, i) => reply[i] === byte);
}

/**
 * The mark of a stream that `daymark recover` mends, in its description: everybody who looks at the stream sees it, from
 * whichever folder. It names the workers in whose folders lies what the stream held before it was replaced.
 */
import type { StreamInfo } from "nats";
import type { Position } from "../ports.js";

export interface Mark {
  /** 16 hex digits, of one run: of two that make a stream at once, only one makes its own. */
  readonly run: string;
  /** Where the stream ends once it is mended. */
  readonly until: Position;
  /** Ids of workers. */
  readonly asides: readonly string[];
}

const FILLING = "daymark recover fills this stream";
const MARK = /^; run ([0-9a-f]{16}); to record (\d{1,15})(?:; put aside by ([0-9a-f ]+))?$/;

export function markText({ run, until, asides }: Mark): string {
  const by = asides.length > 0 ? `; put aside by ${asides.join(" ")}` : "";
  return `${FILLING}; run ${run}; to record ${until}${by}`;
}

/** @returns undefined where there is no mark; of one that is not understood, what nobody takes for the end. */
export function markIn(description: string): Mark | undefined {
  if (!description.startsWith(FILLING)) return undefined;
  const [, run = "", until = "0", asides] = MARK.exec(description.slice(FILLING.length)) ?? [];
  return { run, until: Number(until), asides: asides?.split(" ") ?? [] };
}

/** Whether `daymark recover` fills it, or was stopped before it was whole. */
export function isFilling({ config }: StreamInfo): boolean {
  return markIn(config.description ?? "") !== undefined;
}

/** What a fuzzed edge is: where its inputs come from, what is done with one, and what may come of that. */
import type { Draw } from "./draw.js";

/** What goes in, as bytes, so that it can be printed, kept in a file, made smaller and tried again. */
export interface Input {
  /** Which door of the edge it is for. */
  readonly target: string;
  /** In the order in which they go in: one message, or the packets of a connection, or words of a command line. */
  readonly parts: readonly Uint8Array[];
}

export interface Edge {
  readonly name: string;
  open(): Promise<OpenEdge>;
  /** Each part counts as an input of its own: packets over one connection. */
  readonly countsParts?: boolean;
}

export interface OpenEdge {
  /** Equal draws give equal inputs. */
  draw(draw: Draw): Input;
  /**
   * @returns in a word or two what came of it: a code, or what was taken.
   * @throws whatever may not come of any input: `Unacceptable`, or the very exception that got out.
   */
  attempt(input: Input): string | Promise<string>;
  /** Ends all that it has opened. @throws Unacceptable when something beside the inputs was disturbed. */
  close(): Promise<void>;
}

/** What came of an input must not come of any. */
export class Unacceptable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Unacceptable";
  }
}

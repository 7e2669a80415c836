/** A device that waits for the answer to a question, one for each kind of question. */
import { Bench } from "./bench.js";
import { DAY, Owner } from "./owner.js";
import type { Question } from "./questions.js";

export const KINDS = ["time", "enroll", "return", "sync", "renew"] as const;

export function waiting(kind: (typeof KINDS)[number]): Bench {
  const bench = new Bench(new Owner());
  switch (kind) {
    case "time":
      bench.feed({ type: "connected", door: "lobby" });
      bench.answer(); // links come first
      return bench;
    case "enroll":
      bench.timed().connect("pledge");
      return bench;
    case "return":
      bench.enrolled().connect("pledge");
      return bench;
    case "sync":
      bench.enrolled().connect("device");
      return bench;
    case "renew":
      bench.speaking().pass(21 * DAY);
      bench.answer(); // of the sync that was due
      return bench;
  }
}

export function nonceOf({ value }: Question): Uint8Array {
  if (!("nonce" in value)) throw new Error("this question has no nonce");
  return value.nonce;
}

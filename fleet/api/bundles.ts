/** `/v1/bundle`: documents by file. Out: what a device may lack. In: what came back, or was signed elsewhere. */
import { Hono } from "hono";
import { z } from "zod";
import { holdersOf } from "../../protocol/authority.js";
import { joinBundle, MAX_BUNDLE_BYTES, MAX_BUNDLE_ITEMS } from "../../protocol/bundle.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Transfer } from "../../protocol/voucher.js";
import { exportFor, type ItemOutcome, takeItem } from "../bundles.js";
import { type Base64Url, toBase64Url } from "../events.js";
import type { FleetService } from "../service.js";
import type { ApiEnv } from "./auth.js";
import { decimal, once, readQuery } from "./input.js";
import { readBundle, sendBundle } from "./octets.js";

/** Answer to `POST /v1/bundle`. */
export interface AppliedBundle {
  /** One for each item, in the order of the bundle. */
  readonly items: readonly AppliedItem[];
  /** A bundle to be carried back: answers to what devices asked. Absent: nobody asked. */
  readonly answers?: Base64Url;
  /** Answers for which it had no room. The same questions get the same answers again. */
  readonly unanswered: number;
}

export interface AppliedItem extends Omit<ItemOutcome, "answers" | "type"> {
  /** Signatures that are still needed before it counts. */
  readonly missing?: number;
}

const ExportQuery = z.strictObject({ device: once(decimal(10)) });

export function bundleRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", (c) => {
      const { device } = readQuery(c, ExportQuery);
      return sendBundle(c, joinBundle(exportFor(service, device)));
    })
    .post("/", async (c) => {
      const items: AppliedItem[] = [];
      const answers = new Answers();
      for (const item of await readBundle(c)) {
        const outcome = await takeItem(service, item, c.get("actor"));
        items.push(appliedItem(service, item, outcome));
        answers.add(outcome.answers);
      }
      const applied: AppliedBundle = { items, unanswered: answers.left, ...answers.bundled() };
      return c.json(applied);
    });
}

/** As much as a bundle has room for. */
class Answers {
  readonly #items: Uint8Array[] = [];
  #bytes = 0;
  left = 0;

  add(answers: readonly Uint8Array[]): void {
    for (const answer of answers) {
      if (this.#items.length >= MAX_BUNDLE_ITEMS || this.#bytes + answer.length > MAX_BUNDLE_BYTES)
        this.left++;
      else {
        this.#items.push(answer);
        this.#bytes += answer.length;
      }
    }
  }

  bundled(): Pick<AppliedBundle, "answers"> {
    return this.#items.length === 0 ? {} : { answers: toBase64Url(joinBundle(this.#items)) };
  }
}

function appliedItem(service: FleetService, item: Uint8Array, outcome: ItemOutcome): AppliedItem {
  const { result, code, text } = outcome;
  const applied = { result, ...(code && { code }), ...(text !== undefined && { text }) };
  if (code !== "quorum-missing") return applied;
  const { type, signatures } = parseEnvelope(item);
  const role = type === Transfer.type ? "transfer" : "release"; // no other role here may need several
  return { ...applied, missing: holdersOf(role, service.trust).threshold - signatures.length };
}

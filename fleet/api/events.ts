/**
 * `GET /v1/events`: the log as lines of JSON, and on request what follows, as it happens. A reader is a place
 * in the log and nothing more: a slow one makes no queue, it is only further behind.
 */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { utf8 } from "../../protocol/bytes.js";
import type { FreshnessRules } from "../../protocol/authority.js";
import type { Level } from "../../protocol/level.js";
import type { ActName } from "../../protocol/vector.js";
import type { FleetEvent } from "../events.js";
import { fenceWords } from "../fence.js";
import type { Position } from "../ports.js";
import type { FleetService } from "../service.js";
import { aimOf } from "./acts.js";
import type { ApiEnv } from "./auth.js";
import { decimal, once, readQuery } from "./input.js";
import { fleetIdIn, type Timestamp, timestamp } from "./json.js";
import { Problem } from "./problem.js";

/** One line. What was signed, keys and nonces are not shown. */
export interface EventResource {
  /** Ask for what is `after` it to go on; events of one decision share it. */
  readonly position: Position;
  readonly type: FleetEvent["type"];
  readonly at: Timestamp;
  readonly actor: string;
  /** Of the device, or other holder, that it is about. */
  readonly number?: number;
  readonly level?: Level;
  readonly reason?: string;
  /** Id of the operator's act that it belongs to. */
  readonly act?: string;
  /** How many devices the act names. */
  readonly devices?: number;
  /** What an act is to have done once more; the rule of an advisory that it adds, or the id of one it ends. */
  readonly count?: ActName;
  readonly match?: string;
  readonly advisory?: number;
  /** Id of the fleet that a device is given to, hex. */
  readonly owner?: string;
  /** The table of its own that a release gives a device. */
  readonly freshness?: FreshnessRules;
  /** Version of an Authority. */
  readonly authority?: number;
  /** Why a fence was raised that stands nowhere else in the log, and the workers left out when it was lifted. */
  readonly fence?: string;
  readonly without?: readonly string[];
}

/** Streams open at one time. */
const MAX_STREAMS = 64;
/** When a stream that was refused for that may be tried again. */
const RETRY_SECONDS = 10;

const Query = z.strictObject({
  after: once(z.union([z.literal("now"), decimal(15)])),
  follow: once(z.enum(["0", "1"])),
});

export function eventRoutes(service: FleetService): Hono<ApiEnv> {
  let open = 0;
  const events = (c: Context<ApiEnv>) => {
    const { after = 0, follow = "0" } = readQuery(c, Query);
    if (open >= MAX_STREAMS) {
      throw new Problem("overloaded", `at most ${MAX_STREAMS} event streams; close one`, RETRY_SECONDS);
    }
    open++;
    const lines = streamOf(service, after, follow === "1", () => open--);
    return c.body(lines, 200, { "Content-Type": "application/x-ndjson" });
  };
  return new Hono<ApiEnv>().get("/", events);
}

/** @param onEnd - called once, when the stream was read to its end or given up. */
function streamOf(
  service: FleetService,
  after: Position | "now",
  follow: boolean,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const ended = new AbortController();
  ended.signal.addEventListener("abort", onEnd, { once: true });
  const records = recordsOf(service, after, follow, ended.signal);
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await records.next();
        if (!done) controller.enqueue(new Uint8Array(utf8(value)));
        else if (!ended.signal.aborted) {
          controller.close();
          ended.abort();
        }
      } catch (error) {
        ended.abort();
        throw error;
      }
    },
    cancel: () => ended.abort(),
  });
}

async function* recordsOf(
  service: FleetService,
  after: Position | "now",
  follow: boolean,
  ended: AbortSignal,
): AsyncGenerator<string, void> {
  let changed = nextPosition(service, ended);
  let position = after === "now" ? 0 : after;
  if (after === "now") {
    if (!follow) return;
    position = (await changed) - 1;
    changed = nextPosition(service, ended);
  }
  while (!ended.aborted) {
    for await (const record of service.options.log.read(position)) {
      position = record.position;
      yield record.events.map((event) => `${JSON.stringify(lineOf(event, record.position))}\n`).join("");
      if (ended.aborted) return;
    }
    if (!follow) return;
    await changed; // asked for before the log was read: what came meanwhile ends the wait at once
    changed = nextPosition(service, ended);
  }
}

/** The position of the next event that happens, or 0 once `ended`. */
function nextPosition(service: FleetService, ended: AbortSignal): Promise<Position> {
  return new Promise((resolve) => {
    const settle = (position: Position) => {
      stop();
      ended.removeEventListener("abort", giveUp);
      resolve(position);
    };
    const giveUp = () => settle(0);
    const stop = service.onEvent((_, position) => settle(position));
    if (ended.aborted) giveUp();
    else ended.addEventListener("abort", giveUp);
  });
}

function lineOf(event: FleetEvent, position: Position): EventResource {
  const { type, at, actor } = event;
  return { position, type, at: timestamp(at), actor, ...detailOf(event) };
}

/** Field by field, so that what a later kind of event adds is not shown by accident. */
function detailOf(event: FleetEvent): Omit<EventResource, "position" | "type" | "at" | "actor"> {
  switch (event.type) {
    case "fleet-created":
      return { reason: event.name };
    case "holder-certified":
      return { number: event.number, reason: event.profile };
    case "device-imported":
      return { number: event.number, reason: event.model };
    case "certificate-issued":
      return { number: event.number, reason: event.via };
    case "directive-issued": {
      const { number, level, reason } = event;
      return { number, level, reason, ...actOf(event) };
    }
    case "release-issued": {
      const { number, level, reason, freshness } = event;
      return { number, level, reason, ...(freshness && { freshness }), ...actOf(event) };
    }
    case "advisories-issued":
    case "advisories-removed":
      return actOf(event);
    case "authority-issued":
      return { authority: event.version };
    case "lease-issued":
      return { number: event.number, level: event.required.level };
    case "receipt-received":
      return { number: event.number, level: event.held.level };
    case "alarm-reported":
      return { number: event.number, reason: event.kind };
    case "clone-suspected": {
      const { number, shown, newest } = event;
      return { number, reason: `token ${shown} shown after ${newest}` };
    }
    case "return-requested":
      return { number: event.number };
    case "device-vouched":
    case "return-approved":
    case "ticket-issued":
    case "device-reenrolled":
      return { number: event.number, act: event.act };
    case "act-requested": {
      const { reason, numbers } = event.act;
      const { key: _notShown, ...aim } = aimOf(event.act);
      return { act: event.id, ...aim, reason, devices: numbers.length };
    }
    case "act-approved":
      return { act: event.id };
    case "device-transferred": {
      const { number, level, owner } = event;
      return { number, level, owner: fleetIdIn(owner), ...actOf(event) };
    }
    case "fence-raised":
      return { reason: fenceWords(event.proof) };
    case "fence-lifted":
      return {
        reason: event.reason,
        ...(event.fence && { fence: fenceWords(event.fence) }),
        ...(event.without && { without: event.without }),
      };
    case "worker-joined":
      return { reason: event.name };
    case "owner-known":
    case "beacon-issued":
    case "checkpoint-signed":
    case "decision-overtaken":
      return {};
  }
}

function actOf({ act }: { readonly act?: string }): Pick<EventResource, "act"> {
  return act === undefined ? {} : { act };
}

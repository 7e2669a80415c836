/**
 * A service for gateways that reach it over a bus, beside others of the same fleet: it takes its share of what they
 * ask, and tells those that chose it what changes. While it can do neither, it leaves both to the others: nobody but
 * itself can keep the bus from sending it work.
 */
import { type Bus, BusError, type BusMessage } from "../protocol/bus.js";
import type { Clock } from "../protocol/clock.js";
import { ProtocolError } from "../protocol/errors.js";
import type { Ability } from "./ability.js";
import { BusAnswers, CATCH_UP_MS } from "./link-bus-answers.js";
import { BusFeed } from "./link-bus-feed.js";
import {
  encodeAnswers,
  encodePack,
  type FeedRequest,
  linkSubjects,
  readFeedRequest,
  SERVICES,
  WHOLE_PACK,
} from "./link-bus-wire.js";
import type { PlacedSource } from "./link-feed.js";
import { Positions } from "./link-positions.js";
import { encodeNews } from "./link-wire.js";
import { within } from "./within.js";

export interface BusServerOptions {
  readonly source: PlacedSource;
  readonly bus: Bus;
  /** 32 hex digits. */
  readonly fleetId: string;
  readonly clock: Clock;
  /** Absent: it can always do its share. */
  readonly ability?: Pick<Ability, "why" | "onChange"> | undefined;
  /** What went wrong with one gateway, for a person. */
  readonly report: (problem: string) => void;
}

export interface BusServer {
  /** Takes nothing more, answers what it has taken, and sends its gateways to another service. The bus stays open. */
  close(): Promise<void>;
}

/** Gateways that one service feeds; more are sent on. */
export const MAX_FEEDS = 64;
/** How long it takes at most to leave the queues. */
const LEAVE_MS = 2_000;
/** How long the last questions may take when the service goes. */
const LAST_ANSWERS_MS = 10_000;

export function serveBus(options: BusServerOptions): BusServer {
  const { source, bus, fleetId, clock, ability, report } = options;
  const subjects = linkSubjects(fleetId);
  const positions = new Positions(clock, source.position());
  const unable = () => ability?.why;
  const answers = new BusAnswers({ source, bus, positions, unable, report });
  const feeds = new Set<BusFeed>();

  /** @throws ProtocolError */
  const open = async ({ since, feed: name }: FeedRequest): Promise<BusFeed | string> => {
    if (!(await positions.reach(since, CATCH_UP_MS))) return behind(positions.reached, since);
    const why = unable();
    if (why !== undefined) return `this service can do nothing now: ${why}`;
    if (feeds.size >= MAX_FEEDS) return `this service feeds ${MAX_FEEDS} gateways already`;
    const feed = new BusFeed({ source, bus, subjects, clock, report }, name, (ended) => feeds.delete(ended));
    feeds.add(feed);
    return feed;
  };
  /** In both queues, while there are any. */
  let ends: readonly (() => void)[] = [];
  const join = () => [
    bus.subscribe(subjects.ask, (message) => answers.take(message), SERVICES),
    bus.subscribe(subjects.open, (message) => void takeFeedRequest(message, open, report), SERVICES),
  ];
  const leave = () => {
    for (const end of ends) end();
    ends = [];
  };
  const judge = () => {
    if (unable() === undefined) {
      if (ends.length === 0) ends = join();
      return;
    }
    leave();
    for (const feed of feeds) feed.sayGoodbye();
  };
  judge();
  const heed = ability?.onChange(judge);
  const unwatch = [
    source.link.watch((change) => {
      for (const feed of feeds) feed.changed(change);
    }),
    source.onPosition(() => {
      positions.advance(source.position());
      for (const feed of feeds) feed.moved();
    }),
    // What was said meanwhile is lost: gateways that did not notice ask anew.
    bus.onState((isUp) => {
      if (isUp) for (const feed of feeds) feed.sayGoodbye();
    }),
  ];
  return {
    async close() {
      heed?.();
      leave();
      // Behind the answer, whoever gives it, nothing comes that was sent to this service.
      await bus.request(subjects.ask, encodePack(0, []), LEAVE_MS).catch(ignored);
      await within(clock, LAST_ANSWERS_MS, answers.idle());
      for (const feed of feeds) feed.sayGoodbye();
      for (const end of unwatch) end();
      positions.close();
    },
  };
}

async function takeFeedRequest(
  { payload, respond }: BusMessage,
  open: (request: FeedRequest) => Promise<BusFeed | string>,
  report: (problem: string) => void,
): Promise<void> {
  if (!respond) return;
  const refuse = (text: string) =>
    respond(encodeAnswers(0, [encodeNews({ type: "failure", id: WHOLE_PACK, code: "failed", text })]));
  try {
    const opened = await open(readFeedRequest(payload));
    if (typeof opened === "string") return refuse(opened);
    respond(encodeAnswers(0, []));
    opened.moved();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    report(`a gateway makes no sense: ${error.message}`);
    refuse(error.message);
  }
}

function behind(reached: number, since: number): string {
  const both = `this service is at ${reached} of the log, and the gateway has seen ${since}`;
  return `${both}: the service is behind, or the log has lost its end and the gateway must be started anew`;
}

function ignored(error: unknown): void {
  if (!(error instanceof BusError)) throw error;
}

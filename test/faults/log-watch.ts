/**
 * Follows a fleet's log from outside, across all its lives: what it once said it must say for ever, and nothing in
 * it may give a device two identities or free one that two people did not free.
 */
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { type DeviceResource, knowsOf } from "../../fleet/api/devices.js";
import { hexOf, timestamp } from "../../fleet/api/json.js";
import type { FleetEvent } from "../../fleet/events.js";
import { emptyFold, type Folded, foldEvent } from "../../fleet/fold.js";
import type { LogRecord, Position } from "../../fleet/ports.js";
import { type DeviceView, directiveVersion, releaseVersion } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { withCopyOf } from "./log-copy.js";
import { factsOf } from "./facts.js";

/** Records that may be durable and not yet in the view of a server that runs. */
const UNDER_WAY = 256;

/** How a device stood from a position of the log on. */
interface Form {
  readonly since: Position;
  readonly text: string;
}

export class LogWatch {
  readonly facts = new Set<string>();
  /** What must not be in a log; grows. */
  readonly complaints: string[] = [];
  /** Chain hash by position; of position 0 there is none. */
  readonly hashes: string[] = [""];
  folded: Folded = emptyFold();
  readonly #folder: string;
  readonly #hear: (record: LogRecord) => void;
  readonly #forms = new Map<number, Form[]>();
  readonly #numbers = new Map<string, number>();
  readonly #keys = new Map<string, string>();
  readonly #approved = new Set<string>();

  /** @param hear - called with each record, in order, once. */
  constructor(folder: string, hear: (record: LogRecord) => void = () => undefined) {
    this.#folder = folder;
    this.#hear = hear;
  }

  get position(): Position {
    return this.hashes.length - 1;
  }

  /** Reads on, beside a server that runs or after one that was killed. @throws FleetError when it cannot be read. */
  read(): Promise<void> {
    return withCopyOf(this.#folder, (copy) => this.#readIn(copy));
  }

  async #readIn(copy: string): Promise<void> {
    const log = LmdbEventLog.open(copy);
    try {
      const known = this.position;
      let end = Math.max(0, known - 1);
      for await (const record of log.read(end)) {
        const { position, hash, events } = record;
        end = position;
        if (position <= known && hash !== this.hashes[position])
          this.complaints.push(`record ${position} is another than it was`);
        if (position <= known) continue;
        this.hashes.push(hash);
        for (const event of events) this.#take(event, position);
        this.#hear(record);
      }
      if (end < known) this.complaints.push(`the log ended at ${known}, and ends at ${end}`);
    } finally {
      await log.close();
    }
  }

  /** @param from - position of the log before `listed` was asked for. @returns what it says that the log does not. */
  differences(listed: readonly DeviceResource[], from: Position): readonly string[] {
    const complaints = listed.flatMap((device) => {
      const text = listedForm(device);
      const forms = this.#forms.get(device.number) ?? [];
      const first = forms.findLastIndex(({ since }) => since <= from - UNDER_WAY);
      const isOne = forms.slice(Math.max(0, first)).some((form) => form.text === text);
      return isOne ? [] : [`device ${device.number} is listed as ${text}; by the log: ${forms.at(-1)?.text}`];
    });
    const { size } = this.folded.view.devices;
    if (listed.length > size) complaints.push(`${listed.length} devices are listed, the log has ${size}`);
    return complaints;
  }

  #take(event: FleetEvent, position: Position): void {
    this.folded = foldEvent(this.folded, event, nodeCrypto);
    for (const fact of factsOf(event)) this.facts.add(fact);
    this.#judge(event);
    const device = "number" in event ? this.folded.view.devices.get(event.number) : undefined;
    if (!device) return;
    const forms = this.#forms.get(device.number) ?? [];
    this.#forms.set(device.number, [...forms.slice(-UNDER_WAY), { since: position, text: formOf(device) }]);
  }

  #judge(event: FleetEvent): void {
    switch (event.type) {
      case "device-imported":
        return this.#same(this.#numbers, event.hardwareId, event.number, "numbers of hardware");
      case "certificate-issued": {
        const identity = `${event.number} in generation ${event.generation}`;
        return this.#same(this.#keys, identity, event.key.bytes, "keys of device");
      }
      case "act-approved":
        return void this.#approved.add(event.id);
      case "release-issued":
        if (event.act === undefined || !this.#approved.has(event.act))
          this.complaints.push(`device ${event.number} was released, and nobody approved it`);
        return;
      case "clone-suspected":
        return void this.complaints.push(`the fleet takes device ${event.number} for two`);
      case "alarm-reported":
        return void this.complaints.push(`device ${event.number} told of an alarm: ${event.kind}`);
    }
  }

  #same<T>(known: Map<string, T>, of: string, now: T, what: string): void {
    const before = known.get(of);
    known.set(of, now);
    if (before !== undefined && before !== now)
      this.complaints.push(`two ${what} ${of}: ${String(before)}, ${String(now)}`);
  }
}

/** What the API says of a device, written down by hand from the rebuilt view. */
function formOf(device: DeviceView): string {
  const { number, hardwareId, level, certificates, lastContactAt, suspectedAt } = device;
  const wanted = [directiveVersion(device), releaseVersion(device)];
  const until = certificates.at(-1)?.notAfter;
  const dates = [lastContactAt, until, suspectedAt].map((at) => (at === undefined ? "-" : timestamp(at)));
  return [number, hexOf(hardwareId), level, knowsOf(device), ...wanted, ...dates].join(" ");
}

function listedForm(device: DeviceResource): string {
  const { number, hardwareId, level, knows, wanted, lastContactAt, ldevidUntil, suspectedSince } = device;
  const dates = [lastContactAt, ldevidUntil, suspectedSince].map((at) => at ?? "-");
  return [number, hardwareId, level, knows, wanted.directive, wanted.release, ...dates].join(" ");
}

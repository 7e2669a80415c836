/** What a gateway counts, as Prometheus has it. No device is named: labels are codes of ours, and few. */
import { Counter, Gauge, Registry } from "prom-client";
import type { GatewayEvent, SessionInfo } from "./events.js";

/** What is looked at when somebody asks. */
export interface Measured {
  sessions(): readonly SessionInfo[];
  /** Connections that wait for their handshake. */
  waiting(): number;
}

export class GatewayMetrics {
  readonly registry = new Registry();
  readonly #refusals = this.#tally("refusals_total", "Connections and requests refused, by reason", "code");
  readonly #logins = this.#tally(
    "logins_total",
    "Sessions opened, with a full or a resumed TLS handshake",
    "tls",
  );
  readonly #ends = this.#tally("session_ends_total", "Sessions that ended, by reason", "why");

  watch(measured: Measured): void {
    const registers = [this.registry];
    new Gauge({
      name: "daymark_gateway_sessions",
      help: "Open sessions, by role",
      labelNames: ["role"],
      registers,
      collect() {
        this.reset();
        for (const { role } of measured.sessions()) this.inc({ role });
      },
    });
    new Gauge({
      name: "daymark_gateway_waiting_handshakes",
      help: "Connections that wait for their TLS handshake",
      registers,
      collect() {
        this.set(measured.waiting());
      },
    });
  }

  count(event: GatewayEvent): void {
    if (event.type === "refused") add(this.#refusals, event.code);
    else if (event.type === "opened") add(this.#logins, event.resumed ? "resumed" : "full");
    else if (event.type === "closed") add(this.#ends, event.why);
  }

  /** Counted here, and told to the library only when somebody asks: it takes more time than all else of a login. */
  #tally(name: string, help: string, label: string): Map<string, number> {
    const tally = new Map<string, number>();
    new Counter({
      name: `daymark_gateway_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of tally) this.inc({ [label]: value }, count);
      },
    });
    return tally;
  }
}

function add(tally: Map<string, number>, value: string): void {
  tally.set(value, (tally.get(value) ?? 0) + 1);
}

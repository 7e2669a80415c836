/** What a scenario needs of a fleet. The composition root starts one, or finds the one that runs, and hands it in. */
import type { Level } from "../../protocol/level.js";

/** What the fleet itself lists of a device. */
export interface ListedDevice {
  readonly number: number;
  readonly level: Level;
  /** It was given an LDevID. */
  readonly enrolled: boolean;
}

export interface SwarmFleet {
  /** 32 hex digits. */
  readonly id: string;
  /** Of the gateways: an address of this machine. */
  readonly host: string;
  readonly port: number;
  /** Where births happen, and the file with a token that is allowed to ask for them. */
  readonly station: { readonly url: string; readonly tokenFile: string };
  readonly serverPid: number;
  /** The gateway processes of this moment; none when the gateway is inside the server. */
  gatewayPids(): Promise<readonly number[]>;
  devices(): Promise<readonly ListedDevice[]>;
  /**
   * Raises; a second operator approves where so many at once need one. "revoked" is final.
   * @param onSent - called when something leaves that may put it in force: at the last, what does.
   */
  hold(numbers: readonly number[], level: Level, reason: string, onSent?: () => void): Promise<void>;
  /** Lifts what holds them: one operator asks, a second one approves. */
  lift(numbers: readonly number[], reason: string): Promise<void>;
  /** Rejects when the server ends though nobody asked it to; never resolves. */
  readonly ended: Promise<never>;
  close(): Promise<void>;
}

export interface FleetWanted {
  /** Data folder of a server that runs; absent: a server of its own, which is gone afterwards. */
  readonly data?: string;
  /** Gateway processes of a server of its own. */
  readonly gateways: number;
}

export type StartSwarmFleet = (wanted: FleetWanted) => Promise<SwarmFleet>;

/** The numbers that an owner may choose. Defaults suit a fleet that is dark for weeks at a time. */
export interface FleetPolicy {
  /** Life of an LDevID. */
  readonly ldevidSeconds: number;
  /** How long a lease lasts, and when the device should ask again. */
  readonly leaseSeconds: number;
  readonly syncEverySeconds: number;
  /** What happens to a device whose birth was not imported: its record alone counts, or it waits. */
  readonly unknownDevices: "accept" | "wait";
  /** Raising more devices than this at once needs a second person. */
  readonly massActDevices: number;
  /** How long a request waits for its second person. */
  readonly approvalSeconds: number;
}

const DAY = 86_400;

export const DEFAULT_POLICY: FleetPolicy = {
  ldevidSeconds: 30 * DAY,
  leaseSeconds: 7 * DAY,
  syncEverySeconds: DAY,
  unknownDevices: "wait",
  massActDevices: 10,
  approvalSeconds: DAY,
};

/** Certificates begin this much before they are issued, for machines whose clock is a little behind. */
export const BACKDATE_SECONDS = 300;

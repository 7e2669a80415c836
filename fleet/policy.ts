/** The numbers that an owner may choose. Defaults suit a fleet that is dark for weeks at a time. */
export interface FleetPolicy {
  /** Life of an LDevID. */
  readonly ldevidSeconds: number;
  /** How long a lease lasts, and when the device should ask again. */
  readonly leaseSeconds: number;
  readonly syncEverySeconds: number;
  /** What happens to a device whose birth was not imported: its record alone counts, or it waits. */
  readonly unknownDevices: "accept" | "wait";
  /**
   * A device that comes back after its LDevID ended: gets a new one; has to be attested first, and an operator
   * is asked where it is not; or an operator is asked in any case.
   */
  readonly returns: "accept" | "attest" | "ask";
  /** How long a ticket for a re-enrollment is good. */
  readonly ticketSeconds: number;
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
  returns: "accept",
  ticketSeconds: 7 * DAY,
  massActDevices: 10,
  approvalSeconds: DAY,
};

/** Certificates begin this much before they are issued, for machines whose clock is a little behind. */
export const BACKDATE_SECONDS = 300;

/** Of one freshness table: as many as a release or an Authority has room for. */
export const MAX_FRESHNESS_RULES = 4;

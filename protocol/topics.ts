/** MQTT topic names (DESIGN: gateway). `fleet` is the fleet id as 32 hex digits. */
export interface Topics {
  /** Device to fleet: requests and receipts. */
  up(number: number): string;
  /** Fleet to device: replies, notices, pushed documents. */
  down(number: number): string;
  /** Retained Beacon, for everyone. */
  readonly all: string;
  lobbyUp(clientId: string): string;
  lobbyDown(clientId: string): string;
  /** Everything a device may publish for its application starts so. */
  app(number: number): string;
}

export function topicsOf(fleetId: string): Topics {
  const base = `dm/1/${fleetId}`;
  return {
    up: (number) => `${base}/${number}/up`,
    down: (number) => `${base}/${number}/down`,
    all: `${base}/all`,
    lobbyUp: (clientId) => `${base}/lobby/${clientId}/up`,
    lobbyDown: (clientId) => `${base}/lobby/${clientId}/down`,
    app: (number) => `app/${number}/`,
  };
}

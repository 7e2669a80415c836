/** The least time in which this machine can do so many mutual-TLS handshakes: bare Node at both ends, nothing else. */
import { Client, startServer } from "./connect-processes.js";

export interface HandshakeLimit {
  readonly fullSeconds: number;
  readonly resumedSeconds: number;
}

const WARM_UP = 500;

/** @param pairs - server processes, with a client process each: as many as the run that it is compared with has. */
export async function handshakeLimit(connects: number, pairs: number): Promise<HandshakeLimit> {
  const servers = await Promise.all(Array.from({ length: pairs }, () => startServer("node")));
  const clients = await Promise.all(servers.map(() => Client.start()));
  const run = async (all: number, resume: boolean): Promise<number> => {
    const jobs = servers.map(({ port }) => {
      return { port, speaks: "echo", count: Math.ceil(all / pairs), resume } as const;
    });
    const beganAtMs = performance.now();
    await Promise.all(clients.map((client, i) => client.run(jobs[i]!)));
    return (performance.now() - beganAtMs) / 1_000;
  };
  try {
    await run(WARM_UP * pairs, false);
    return { fullSeconds: await run(connects, false), resumedSeconds: await run(connects, true) };
  } finally {
    await Promise.all([...clients, ...servers].map((one) => one.stop()));
  }
}

/** Guards against what aedes does when it is left alone; test/broker/aedes-findings.test.ts lists all eight findings. */
import type { Guard } from "../guard.js";

export const aedesGuards: readonly Guard[] = [
  {
    name: "aedes: nobody's deliveries wait behind a stalled subscriber",
    principle: "P11",
    file: "broker/gateway-broker.ts",
    find: "  concurrency: 0,",
    replace: "  concurrency: 100,",
    test: { file: "test/broker/aedes-findings.test.ts", name: "a stalled subscriber holds up neither" },
  },
  {
    name: "aedes: no backlog overflows the stack when a slow client leaves",
    principle: "P11",
    file: "broker/gateway-broker.ts",
    find: "  concurrency: 0,",
    replace: "  concurrency: 100,",
    test: { file: "test/broker/aedes-findings.test.ts", name: "the 51-client crash" },
  },
  {
    name: "aedes: a packet is cut at its header, before its bytes are kept",
    principle: "P11",
    file: "broker/gateway-stream.ts",
    find: "    if (!fault) return chunk;",
    replace: "    if (!fault || fault) return chunk;",
    test: {
      file: "test/broker/aedes-findings.test.ts",
      name: "an oversized packet before CONNECT is cut at its header",
    },
  },
  {
    name: "aedes: a device that does not read is cut",
    principle: "P11",
    file: "broker/gateway-session.ts",
    find: "if (this.#client.conn.writableLength <= MAX_UNSENT_BYTES) return true;",
    replace: "if (this.#client.conn.writableLength >= 0) return true;",
    test: { file: "test/broker/aedes-findings.test.ts", name: "a slow reader of its own topic" },
  },
  {
    name: "aedes: a filter that is not delivered is not granted",
    file: "broker/gateway.ts",
    find: "done(null, this.#maySubscribe(client, subscription.topic) ? subscription : null),",
    replace: "done(null, this.#maySubscribe(client, subscription.topic) ? subscription : subscription),",
    test: { file: "test/broker/aedes-kept.test.ts", name: "a $share subscription" },
  },
  {
    name: "aedes: nothing is spoken for who is gone",
    file: "broker/connect.ts",
    find: "if (hasWill) return",
    replace: "if (hasWill && keepaliveSeconds < 0) return",
    test: { file: "test/broker/aedes-kept.test.ts", name: "a will after the cut of a device" },
  },
  {
    name: "aedes: nothing retained is heard later",
    file: "broker/gateway.ts",
    find: "if (packet.retain) return",
    replace: "if (packet.retain && packet.qos === 2) return",
    test: { file: "test/broker/aedes-kept.test.ts", name: "a retained publish with QoS 0" },
  },
  {
    name: "aedes: no session outlives its connection",
    principle: "P11",
    file: "broker/gateway.ts",
    find: "    packet.clean = true;",
    replace: "    void packet.clean;",
    test: { file: "test/broker/aedes-kept.test.ts", name: "a session that was to be kept is not" },
  },
];

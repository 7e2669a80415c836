/** Guards of gateways that are processes of their own, and of their link to the service. */
import type { Guard } from "../guard.js";

const LINK = "test/broker/remote-link.test.ts";
const REPLICA = "test/broker/replica.test.ts";
const WIRE = "test/fleet/link-wire.test.ts";

export const gatewayProcessGuards: readonly Guard[] = [
  {
    name: "a gateway process is told every standing that changed while it had no service",
    principle: "P10",
    file: "broker/replica.ts",
    find: "return word !== before;",
    replace: "return word !== before && !this.#isCatchingUp;",
    test: { file: LINK, name: "P10: back again, listeners are told every difference" },
  },
  {
    name: "a gateway process forgets whom the service does not know any more",
    file: "broker/replica.ts",
    find: "const gone = [...this.#earlier.keys()];",
    replace: "const gone: number[] = [];",
    test: { file: REPLICA, name: "listeners are told of every difference, and of nothing else" },
  },
  {
    name: "a snapshot that breaks off frees nobody",
    principle: "P3",
    file: "broker/replica.ts",
    find: "this.#standings.get(number) ?? this.#earlier.get(number) ?? UNKNOWN",
    replace: "this.#standings.get(number) ?? UNKNOWN",
    test: { file: REPLICA, name: "what was known counts until the snapshot says otherwise" },
  },
  {
    name: "a gateway process believes no other fleet's service",
    principle: "P1",
    file: "broker/replica.ts",
    find: "Authority.decode(payload).version !== 1 ||",
    replace: "Authority.decode(payload).version !== 0 ||",
    test: { file: LINK, name: "P1: another fleet's service in its place is not believed" },
  },
  {
    name: "a gateway process walks the chain of Authorities itself",
    principle: "P1",
    file: "broker/replica.ts",
    find: "if (refusal) throw refusal;",
    replace: "",
    test: { file: REPLICA, name: "P1: a next link is taken when the chain leads to it" },
  },
  {
    name: "a reply to a gateway process waits behind the changes that came with it",
    principle: "P10",
    file: "fleet/link-feed.ts",
    find: 'this.#push(encodeNews({ type: "answer", id, documents }));',
    replace:
      'this.#queue.unshift({ type: "packet", packet: encodeNews({ type: "answer", id, documents }) });',
    test: { file: "test/fleet/link-feed.test.ts", name: "an answer comes behind what was changed before it" },
  },
  {
    name: "a gateway process that takes nothing is cut off",
    principle: "P11",
    file: "fleet/adapters/link-server.ts",
    find: "if (!this.#feed.isOverfull) return;",
    replace: "if (!this.#feed.isOverfull || this.#socket.writable) return;",
    test: { file: LINK, name: "P11: a gateway that takes nothing is cut at a bound" },
  },
  {
    name: "a gateway process has a bounded number of questions open",
    principle: "P11",
    file: "fleet/adapters/link-server.ts",
    find: "if (this.#open >= MAX_OPEN_QUESTIONS) this.#socket.pause();",
    replace: "",
    test: { file: LINK, name: "P11: more questions than may be open are left unread" },
  },
  {
    name: "the socket of the service is its owner's alone",
    file: "fleet/adapters/link-server.ts",
    find: "process.umask(NOT_OTHERS);",
    replace: "process.umask();",
    test: { file: LINK, name: "only the owner of the folder can" },
  },
  {
    name: "a packet that is too large is refused by its length",
    principle: "P11",
    file: "fleet/link-packets.ts",
    find: 'if (length > MAX_PACKET_BYTES) refuse("too-large", `a packet of ${length} bytes`);',
    replace: "",
    test: { file: WIRE, name: "the length alone is enough to refuse" },
  },
  {
    name: "a standing on the wire is one, or refused",
    file: "fleet/link-standings.ts",
    find: "if (!level || !(flags & KNOWN) || word >= WORD_END)",
    replace: "if (!level)",
    test: { file: WIRE, name: "refused: of nobody who is something" },
  },
  {
    name: "what fails inside the service is not told on its link",
    principle: "P8",
    file: "fleet/link-feed.ts",
    find: "isForeseen(error) ? error.message",
    replace: "error instanceof Error ? error.message",
    test: { file: LINK, name: "what fails is told without its secrets" },
  },
  {
    name: "a gateway process asks nothing before it knows everything",
    file: "broker/adapters/link-line.ts",
    find: "return this.#isReady && !this.#isLost;",
    replace: "return !this.#isLost;",
    test: { file: LINK, name: "not all was told yet, is rejected too" },
  },
  {
    name: "what waits for a service that is gone is rejected",
    principle: "P11",
    file: "broker/adapters/link-line.ts",
    find: "for (const { reject } of this.#waiting.values()) reject(why);",
    replace: "",
    test: { file: LINK, name: "P11: what waits is rejected" },
  },
  {
    name: "questions that the service does not take are bounded",
    principle: "P11",
    file: "broker/adapters/link-line.ts",
    find: "if (this.#socket.writableLength > MAX_UNSENT_BYTES)",
    replace: "if (this.#socket.writableLength < 0)",
    test: { file: LINK, name: "P11: what the service does not take is rejected at a bound" },
  },
  {
    name: "a gateway process that died is replaced",
    file: "broker/gateway-pool.ts",
    find: "this.#forkAfter(this.#pauseMs);",
    replace: "",
    test: { file: "test/fleet/gateway-cli.test.ts", name: "replaces one that died on the same port" },
  },
];

/** Guards of the device's TLS: what it resumes, with whom, as whom. */
import type { Guard } from "../guard.js";

const SESSIONS = "device/adapters/tls-sessions.ts";
const RESUMPTION = "test/device/resumption.test.ts";

export const transportGuards: readonly Guard[] = [
  {
    name: "a device judges what a full handshake shows",
    principle: "P1",
    file: SESSIONS,
    find: "return this.#verify(chain);",
    replace: 'return chain.length > 0 ? "trusted" : this.#verify(chain);',
    test: { file: "test/device/transport.test.ts", name: "P1: a device of this fleet" },
  },
  {
    name: "the chain of a session is judged again before it is offered",
    principle: "P1",
    file: SESSIONS,
    find: 'session && verify(session.chain) === "trusted" ? session : undefined',
    replace: "session",
    test: { file: RESUMPTION, name: "P1: offers no session whose chain has the wrong dates by now" },
  },
  {
    name: "a connection that resumed and was not served takes its session along",
    principle: "P9",
    file: SESSIONS,
    find: "    this.#identity.session = undefined;\n    if (socket.isSessionReused()",
    replace: "    if (socket.isSessionReused()",
    test: { file: RESUMPTION, name: "a login that was refused, be it the first or one that resumed" },
  },
  {
    name: "only a connection that was served begins a session",
    principle: "P9",
    file: SESSIONS,
    find: "if (this.#taken && this.#begun)",
    replace: "if (this.#begun)",
    test: {
      file: RESUMPTION,
      name: "a gateway that knows it for nobody, be it the first or one that resumed",
    },
  },
  {
    name: "a gateway that grants the lobby's topic only has not served the device",
    principle: "P9",
    file: "device/adapters/mqtt-transport.ts",
    find: "else this.#tls?.taken();",
    replace: "this.#tls?.taken();",
    test: {
      file: RESUMPTION,
      name: "a gateway that knows it for nobody, be it the first or one that resumed",
    },
  },
  {
    name: "a session ends with the certificate that began it",
    principle: "P7",
    file: SESSIONS,
    find: "if (this.#identity?.digest !== digest) {",
    replace: "if (!this.#identity) {",
    test: { file: RESUMPTION, name: "P7: the certificate that began it" },
  },
  {
    name: "a session that never brings a handshake to its end is given up",
    principle: "P9",
    file: SESSIONS,
    find: "++this.#offered.offers >= MAX_OFFERS",
    replace: "++this.#offered.offers >= MAX_OFFERS * 100",
    test: { file: RESUMPTION, name: "P9: three connections that ended before TLS did" },
  },
  {
    name: "a resumed session begins no other",
    principle: "P11",
    file: SESSIONS,
    find: "this.#begun = { ...this.#offered, offers: 0 };",
    replace:
      'const { chain } = this.#offered;\n      socket.on("session", (ticket) => {\n        this.#begun = { ticket, chain, offers: 0 };\n        this.#keep();\n      });',
    test: { file: RESUMPTION, name: "a ticket that comes with a resumed session is let go" },
  },
];

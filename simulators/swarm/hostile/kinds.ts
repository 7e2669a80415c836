/** Ways to misuse a gateway's port, as the bytes that are sent and when. Pure. */
import { concatBytes, utf8 } from "../../../protocol/bytes.js";
import { connectPacket, publishPacket } from "./packets.js";

/** What a connection shows in its TLS handshake; "resumed": nothing, over a session that it got as nobody. */
export type Shows = "nothing" | "self-signed" | "another-ca" | "resumed";

export interface Kind {
  readonly name: string;
  /** Absent: it speaks no TLS, and `sends` goes out as it is. */
  readonly tls?: Shows;
  /** All at once; with `slowly`, a byte at a time. */
  readonly sends: Uint8Array;
  readonly slowly?: true;
}

/** Whom it pretends to be. */
export interface Victim {
  readonly number: number;
  /** A topic that only that device may publish on. */
  readonly topic: string;
}

/** A record that announces a ClientHello of 508 bytes, and the first few of them (RFC 8446 §4.1.2, §5.1). */
const HALF_HELLO = concatBytes(
  Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
  new Uint8Array(32).fill(0x5a),
);
/** A CONNECT whose "remaining length" is the largest there is: 256 MB (MQTT 3.1.1 §2.2.3); and its beginning. */
const HUGE_CONNECT = concatBytes(
  Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f),
  connectPacket("huge").subarray(2),
);

export function kindsOf({ number, topic }: Victim): readonly Kind[] {
  const login = connectPacket(String(number));
  const speak = concatBytes(login, publishPacket(topic, utf8("not from this device")));
  return [
    { name: "plain text", sends: utf8("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n") },
    { name: "silence", sends: new Uint8Array(0) },
    { name: "half a TLS hello", sends: HALF_HELLO },
    { name: "TLS without MQTT", tls: "nothing", sends: utf8("HELO gateway\r\n") },
    { name: "self-signed certificate", tls: "self-signed", sends: speak },
    { name: "certificate of another CA", tls: "another-ca", sends: speak },
    { name: "huge CONNECT", tls: "nothing", sends: HUGE_CONNECT },
    { name: "CONNECT byte by byte", tls: "nothing", sends: login, slowly: true },
    { name: "resumed without certificate", tls: "resumed", sends: speak },
  ];
}

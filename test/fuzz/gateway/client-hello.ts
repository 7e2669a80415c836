/** The first record of a TLS 1.3 handshake as Node 20 sends it (RFC 8446 §4.1.2), recorded once. */
import { fromHex } from "../../../protocol/bytes.js";

export const CLIENT_HELLO = fromHex(
  [
    "16030100dc010000d803037b35d66496a40bf16ef4f8bbfa9f051f142600e26d2e9fe32905d591ac3aff93206b1c65ae6c00",
    "cd337f8e96ba72709bf8a72abe13658b3ab325d88c8f09c0bbad000813021303130100ff01000087000b0004030001020",
    "00a00160014001d0017001e0019001801000101010201030104002300000016000000170000000d001e001c0403050306",
    "03080708080809080a080b080408050806040105010601002b0003020304002d00020101003300260024001d002013d57",
    "32d76437d8f97b2f92e68c279ae61d9d4d31c6ad34fc1d3ac34b66cda3e",
  ].join(""),
);

/** Records that a client may send behind it, each wrong at that moment: alerts, plain data, garbage as ciphertext. */
export const LATER_RECORDS = [
  "15030300020100", // close_notify
  "1503030002022a", // fatal bad_certificate
  "1503030002ffff",
  "140303000101", // change_cipher_spec, which is passed over (§D.4)
  "170303001000112233445566778899aabbccddeeff",
  "1703034000", // 16 KiB that do not come
  "16030300040e000000", // server_hello_done, from a client
  "160301000500000000ff",
].map(fromHex);

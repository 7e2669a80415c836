/** What the composition root takes from this folder: the embedded server runs a gateway in its own process. */
export { startGateway } from "./main.js";

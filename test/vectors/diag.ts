/** How the bytes of a vector are shown. */
export { diagnostic as diag } from "../../protocol/diagnostic.js";

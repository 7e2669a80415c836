/** What is not taken for a backup. */
import { FleetError } from "../errors.js";

/** The archive cannot be opened, or what is in it is no fleet that would start. Nothing of it may be used. */
export class BackupRefused extends FleetError {
  constructor(message: string, options?: ErrorOptions) {
    super("storage-failed", message, options);
    this.name = "BackupRefused";
  }
}

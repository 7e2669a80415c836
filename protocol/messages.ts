/** Every message there is, by number: one table for inspection, vectors and docs. */
import { AdvisoryList, AdvisoryRemoval } from "./advisory.js";
import { Approval } from "./approval.js";
import { Authority } from "./authority.js";
import { Beacon } from "./beacon.js";
import { BirthChallenge, BirthGrant, BirthHello, BirthRecord, BirthRequest, BirthStored } from "./birth.js";
import { CertificateReply, EnrollRequest, ReenrollRequest, RenewRequest, ReturnRequest } from "./certify.js";
import { Directive } from "./directive.js";
import { Lease } from "./lease.js";
import { LedgerPart, LedgerRequest } from "./ledger-part.js";
import { AuthorityReply, AuthorityRequest } from "./authority-links.js";
import { ErrorReply, RoleNotice } from "./notice.js";
import { PeerEnd, PeerHello } from "./peer.js";
import { Release } from "./release.js";
import { Receipt, SyncReply, SyncRequest } from "./sync.js";
import { Time, TimeRequest } from "./time.js";
import { Voucher } from "./voucher.js";

/** Travel in an envelope. */
export const SIGNED_MESSAGES = [
  Authority,
  Beacon,
  Directive,
  Release,
  AdvisoryList,
  AdvisoryRemoval,
  Lease,
  Voucher,
  Approval,
  Time,
  BirthRecord,
  EnrollRequest,
  RenewRequest,
  ReturnRequest,
  SyncRequest,
  Receipt,
  ReenrollRequest,
  BirthRequest,
  BirthStored,
] as const;

/** Travel in a frame. */
export const PLAIN_MESSAGES = [
  CertificateReply,
  SyncReply,
  ErrorReply,
  RoleNotice,
  TimeRequest,
  AuthorityRequest,
  AuthorityReply,
  LedgerPart,
  LedgerRequest,
  BirthHello,
  BirthChallenge,
  BirthGrant,
  PeerHello,
  PeerEnd,
] as const;

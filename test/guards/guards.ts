/**
 * The guards that this code stands on, and the test that defends each. `npm run test:guards` takes one
 * guard away at a time, in a copy of the source, and demands that its test goes red: a guard that no test
 * misses is not defended. Add a row with every guard; keep the patch as small as the guard.
 */
import type { Guard } from "./guard.js";
import { auditGuards } from "./rows/audit.js";
import { backupGuards } from "./rows/backup.js";
import { busGuards } from "./rows/bus.js";
import { jetStreamGuards } from "./rows/jetstream.js";
import { workersGuards } from "./rows/workers.js";
import { logOfGuards } from "./rows/log-of.js";
import { operationsGuards } from "./rows/operations.js";
import { faultGuards } from "./rows/faults.js";
import { fenceGuards } from "./rows/fence.js";
import { leftOutGuards } from "./rows/left-out.js";
import { recoverGuards } from "./rows/recover.js";
import { recoverTurnGuards } from "./rows/recover-turns.js";
import { apiGuards } from "./rows/api.js";
import { bundleGuards } from "./rows/bundle.js";
import { cryptoGuards } from "./rows/crypto.js";
import { deviceGuards } from "./rows/device.js";
import { deviceCoreGuards } from "./rows/device-core.js";
import { deviceReturnGuards } from "./rows/device-dark.js";
import { returnsGuards } from "./rows/returns.js";
import { storedGuards } from "./rows/stored.js";
import { tokenGuards } from "./rows/tokens.js";
import { deviceModuleGuards } from "./rows/device-modules.js";
import { fleetGuards } from "./rows/fleet.js";
import { fleetCoreGuards } from "./rows/fleet-core.js";
import { fleetServiceGuards } from "./rows/fleet-service.js";
import { aedesGuards } from "./rows/aedes.js";
import { gatewayProcessGuards } from "./rows/gateway-processes.js";
import { fuzzGuards } from "./rows/fuzz.js";
import { swarmGuards } from "./rows/swarm.js";
import { gatewayGuards } from "./rows/gateway.js";
import { gatewayEdgeGuards } from "./rows/gateway-edge.js";
import { launderingGuards } from "./rows/laundering.js";
import { ledgerGuards } from "./rows/ledger.js";
import { operatorGuards } from "./rows/operator.js";
import { peerGuards } from "./rows/peers.js";
import { keysGuards } from "./rows/own-keys.js";
import { predicateGuards } from "./rows/predicate.js";
import { quorumGuards } from "./rows/quorum.js";
import { storageGuards } from "./rows/storage.js";
import { storyGuards } from "./rows/stories.js";
import { moreStoryGuards } from "./rows/stories-more.js";
import { transportGuards } from "./rows/transport.js";
import { transferGuards } from "./rows/transfer.js";
import { worldGuards } from "./rows/world.js";
import { wireGuards } from "./rows/wire.js";
import { x509Guards } from "./rows/x509.js";

export const guards: readonly Guard[] = [
  ...auditGuards,
  ...recoverGuards,
  ...recoverTurnGuards,
  ...leftOutGuards,
  ...fenceGuards,
  ...faultGuards,
  ...operationsGuards,
  ...logOfGuards,
  ...backupGuards,
  ...busGuards,
  ...jetStreamGuards,
  ...workersGuards,
  ...storyGuards,
  ...moreStoryGuards,
  ...wireGuards,
  ...deviceReturnGuards,
  ...returnsGuards,
  ...storedGuards,
  ...tokenGuards,
  ...worldGuards,
  ...keysGuards,
  ...launderingGuards,
  ...bundleGuards,
  ...predicateGuards,
  ...ledgerGuards,
  ...quorumGuards,
  ...cryptoGuards,
  ...x509Guards,
  ...storageGuards,
  ...aedesGuards,
  ...gatewayProcessGuards,
  ...fuzzGuards,
  ...swarmGuards,
  ...gatewayGuards,
  ...gatewayEdgeGuards,
  ...apiGuards,
  ...fleetGuards,
  ...fleetCoreGuards,
  ...fleetServiceGuards,
  ...deviceGuards,
  ...deviceModuleGuards,
  ...deviceCoreGuards,
  ...peerGuards,
  ...transferGuards,
  ...transportGuards,
  ...operatorGuards,
];

/** Makes all services over the configured store; the only place that knows which part needs which. */

import type { RequestListener } from "node:http";
import type { Logger } from "pino";
import { CosmosIndex } from "../catalog/cosmos-index.ts";
import { PackageCatalog } from "../catalog/package-catalog.ts";
import type { Config } from "../config.ts";
import { createApp, createListener } from "../http/app.ts";
import { Challenges } from "../http/challenge.ts";
import { createTokenRoute } from "../http/token-routes.ts";
import { UploadSlots } from "../http/upload-slots.ts";
import { createV2Handler } from "../http/v2/handler.ts";
import { createVersionCheck } from "../http/version-check.ts";
import { createWriteGuard } from "../http/write-guard.ts";
import { Htpasswd } from "../identity/htpasswd.ts";
import { createIdentity, type Identity } from "../identity/identity.ts";
import { LoginThrottle } from "../identity/login-throttle.ts";
import { RegistryTokens } from "../identity/registry-token.ts";
import { StaticTokens } from "../identity/static-tokens.ts";
import { FreezableStore } from "../registry/migration/freezable-store.ts";
import { openRegistry } from "../registry/registry.ts";
import { DiskRoom, diskSpaceOf } from "../storage/disk-room.ts";
import { FilesystemStore } from "../storage/filesystem-store.ts";
import { MeasuredStore } from "../storage/measured-store.ts";
import { StoreWithinRoom } from "../storage/room.ts";
import { openCoherence } from "./coherence.ts";
import { spaceCheck, writesCheck } from "./storage-health.ts";
import { exposeDisk, storageMetrics } from "./storage-metrics.ts";

const hourMs = 60 * 60 * 1000;

export interface Services {
  readonly listener: RequestListener;
  readonly identity: Identity;
}

/** @param certificateNames of the certificate in use at the moment of the call */
export async function createServices(
  config: Config,
  certificateNames: () => ReadonlySet<string>,
  log: Logger,
): Promise<Services> {
  const disk = new DiskRoom({
    measure: () => diskSpaceOf(config.storage),
    ...(config.limits.freeBytes >= 0 && { floor: config.limits.freeBytes }),
  });
  exposeDisk(disk);
  const opened = await FilesystemStore.open(config.storage);
  const freezable = new FreezableStore(new MeasuredStore(opened, storageMetrics));
  const store = new StoreWithinRoom(freezable, disk);
  const limits = {
    manifestLimit: config.limits.manifestBytes,
    uploadLifeMs: config.upload.expiryHours * hourMs,
  };
  // A directory has one server, see owner-lock.ts: nobody else changes it.
  const registry = openRegistry(store, limits, openCoherence(Number.POSITIVE_INFINITY));
  const tokens = new RegistryTokens(registry.signingKeys, config.serviceName);
  const identity = await openIdentity(config, tokens, log);
  const challenges = new Challenges({
    publicUrl: config.publicUrl,
    service: config.serviceName,
    certificateNames,
  });
  const guard = createWriteGuard(identity, { readOnly: config.readOnly, challenges });
  const v2 = createV2Handler({
    registry,
    guard,
    version: createVersionCheck(identity, challenges),
    token: createTokenRoute({ identity, tokens, challenges }),
    slots: new UploadSlots({
      total: config.limits.uploads,
      perClient: config.limits.uploadsPerClient,
    }),
    room: disk,
    log,
  });
  const catalog = new PackageCatalog(registry);
  const locations = { publicUrl: config.publicUrl, imageHost: config.imageHost };
  const app = createApp({
    v2,
    catalog,
    index: new CosmosIndex({ catalog, locations }),
    locations,
    openBlob: async (digest, range, signal) => registry.blobs.stream(digest, range, signal),
    guard,
    room: disk,
    bundleLimit: config.limits.bundleBytes,
    healthChecks: [spaceCheck(disk), writesCheck(freezable)],
    log,
  });
  return { listener: createListener(app, v2), identity };
}

async function openIdentity(
  { htpasswd, tokenFile }: Config,
  registryTokens: RegistryTokens,
  log: Logger,
): Promise<Identity> {
  const onError = (error: unknown): void => log.error({ err: error }, "credentials not reloaded");
  return createIdentity({
    ...(htpasswd && { htpasswd: await Htpasswd.open(htpasswd, { onError }) }),
    ...(tokenFile && { staticTokens: await StaticTokens.open(tokenFile, { onError }) }),
    registryTokens,
    throttle: new LoginThrottle({}),
  });
}

/** Makes all services over the configured store; the only place that knows which part needs which. */

import type { RequestListener } from "node:http";
import type { Logger } from "pino";
import type { UserTokens } from "../cluster/user-tokens.ts";
import type { ClusterConfig, Config } from "../config.ts";
import { Challenges } from "../http/challenge.ts";
import { createListener } from "../http/listener.ts";
import { loadedOnce } from "../http/loaded-once.ts";
import { logFailures } from "../http/request-log.ts";
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
import type { GarbageCollection } from "../registry/collector/garbage-collection.ts";
import { FreezableStore } from "../registry/migration/freezable-store.ts";
import { type Coherence, openRegistry, type RegistryOptions } from "../registry/registry.ts";
import { MeasuredStore } from "../storage/measured-store.ts";
import type { ServerCredentials } from "../tls/server-credentials.ts";
import { certificateCheck, exposeCertificate } from "./certificate-health.ts";
import { collectionCheck } from "./collection-health.ts";
import { remember } from "./remember.ts";
import { openRooms } from "./rooms.ts";
import { ScrubClient } from "./scrubbing.ts";
import { shareReads } from "./shared-data.ts";
import type { Storage } from "./storage.ts";
import { writesCheck } from "./storage-health.ts";
import { exposeCollection, exposeScrub, storageMetrics } from "./storage-metrics.ts";

const hourMs = 60 * 60 * 1000;
/** Figures of one scrape come from one answer. */
const figuresMs = 1000;

/** What all services stand on, and what others of this server have a part in. */
export interface ServiceBase {
  readonly storage: Storage;
  readonly coherence: Coherence;
  /** Of the whole server, in whichever process it runs. */
  readonly collection: GarbageCollection;
}

export interface Services {
  readonly listener: RequestListener;
  readonly identity: Identity;
  /** When no request is under way any more. */
  end(): Promise<void>;
}

/** @param certificate the one in use at the moment of the call */
export async function createServices(
  config: Config,
  { storage, coherence, collection }: ServiceBase,
  certificate: () => ServerCredentials,
  log: Logger,
): Promise<Services> {
  const freezable = new FreezableStore(new MeasuredStore(storage.store, storageMetrics));
  const { room, checks, within, end } = openRooms(config, storage, freezable, log);
  const store = within(await shareReads(freezable, storage, config));
  const limits: RegistryOptions = {
    manifestLimit: config.limits.manifestBytes,
    uploadLifeMs: config.upload.expiryHours * hourMs,
    ...(!config.readOnly && { onSuspect: (digest) => scrub.suspect(digest) }),
  };
  const registry = openRegistry(store, limits, coherence);
  const scrub = new ScrubClient(freezable, registry, log);
  exposeFigures(certificate, scrub, collection);
  const tokens = new RegistryTokens(registry.signingKeys, config.serviceName);
  const identity = await openIdentity(config, tokens, log);
  const challenges = new Challenges({
    publicUrl: config.publicUrl,
    service: config.serviceName,
    certificateNames: () => certificate().names,
  });
  const guard = createWriteGuard(identity, { readOnly: config.readOnly, challenges });
  const v2 = createV2Handler({
    registry,
    guard,
    version: createVersionCheck(identity, challenges),
    token: createTokenRoute({ identity, tokens, challenges }),
    slots: openSlots(config),
    room,
    log,
  });
  const openPackages = async (): Promise<RequestListener> => {
    const { createPackageApp } = await import("./package-app.ts");
    return createPackageApp(config, registry, {
      v2,
      guard,
      room,
      collection,
      scrubbing: scrub,
      healthChecks: [
        storage.check,
        ...checks,
        scrub.check,
        writesCheck(freezable),
        collectionCheck(collection),
        certificateCheck(certificate, config.cluster?.serviceAccount !== undefined && !config.tls),
      ],
      log,
    });
  };
  const listener = createListener(v2, loadedOnce(openPackages, logFailures(log)));
  return { listener, identity, end };
}

function exposeFigures(
  certificate: () => ServerCredentials,
  scrub: ScrubClient,
  collection: GarbageCollection,
): void {
  exposeCertificate(certificate);
  exposeScrub(scrub.status);
  exposeCollection(remember(() => collection.status(), figuresMs));
}

function openSlots({ limits }: Config): UploadSlots {
  return new UploadSlots({ total: limits.uploads, perClient: limits.uploadsPerClient });
}

async function openIdentity(
  config: Config,
  registryTokens: RegistryTokens,
  log: Logger,
): Promise<Identity> {
  const { htpasswd, tokenFile, cluster } = config;
  const onError = (error: unknown): void => log.error({ err: error }, "credentials not reloaded");
  return createIdentity({
    ...(htpasswd && { htpasswd: await Htpasswd.open(htpasswd, { onError }) }),
    ...(tokenFile && { staticTokens: await StaticTokens.open(tokenFile, { onError }) }),
    ...(cluster && { userTokens: await openUsers(cluster, config, log) }),
    registryTokens,
    throttle: new LoginThrottle({}),
  });
}

/** What talks to a cluster is loaded where there is one: starts outside are the faster for it. */
async function openUsers(cluster: ClusterConfig, config: Config, log: Logger): Promise<UserTokens> {
  const { openCluster, openUserTokens } = await import("./cluster.ts");
  const connection = await openCluster(cluster, config);
  return openUserTokens(connection, cluster.users, config.serviceName, (error) =>
    log.warn({ err: error }, "keys of the cluster's IAM not fetched"),
  );
}

/**
 * The distribution API on a real socket, over memory unless told otherwise, through either entry.
 *
 * Nothing is faked: the same functions that the server is made of, without TLS.
 */

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { pino } from "pino";
import { CosmosIndex } from "../../../src/catalog/cosmos-index.ts";
import { PackageCatalog } from "../../../src/catalog/package-catalog.ts";
import { createApp } from "../../../src/http/app.ts";
import { Challenges } from "../../../src/http/challenge.ts";
import { answerIndexFirst } from "../../../src/http/index-answer.ts";
import { createListener } from "../../../src/http/listener.ts";
import { logFailures } from "../../../src/http/request-log.ts";
import { createTokenRoute } from "../../../src/http/token-routes.ts";
import { type UploadLimits, UploadSlots } from "../../../src/http/upload-slots.ts";
import { createV2Handler } from "../../../src/http/v2/handler.ts";
import { createVersionCheck } from "../../../src/http/version-check.ts";
import { createWriteGuard } from "../../../src/http/write-guard.ts";
import { createIdentity } from "../../../src/identity/identity.ts";
import { LoginThrottle } from "../../../src/identity/login-throttle.ts";
import { RegistryTokens } from "../../../src/identity/registry-token.ts";
import { NoCollection } from "../../../src/registry/collector/garbage-collection.ts";
import {
  type Coherence,
  openRegistry,
  type Registry,
  type RegistryOptions,
} from "../../../src/registry/registry.ts";
import { httpLimits } from "../../../src/server/http-limits.ts";
import { serveRequests } from "../../../src/server/request-front.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";

const MiB = 1024 * 1024;

/** How a request reaches the handler: straight from the listener, or through express. */
export type Entry = "listener" | "express";

export const entries: readonly Entry[] = ["listener", "express"];

export interface V2ServerOptions {
  readonly entry?: Entry;
  readonly store?: ObjectStore;
  readonly registry?: Partial<RegistryOptions>;
  readonly coherence?: Coherence;
  readonly uploads?: Partial<UploadLimits>;
}

export interface V2Server {
  readonly port: number;
  readonly registry: Registry;
  readonly slots: UploadSlots;
  /** Messages of what was logged as a fault of the server. */
  readonly faults: string[];
  /** Open at the moment. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export async function startV2Server(options: V2ServerOptions = {}): Promise<V2Server> {
  const faults: string[] = [];
  const registry = openRegistry(
    options.store ?? new MemoryStore(),
    {
      manifestLimit: 8 * MiB,
      uploadLifeMs: 60_000,
      ...options.registry,
    },
    options.coherence,
  );
  const slots = new UploadSlots({ total: 100, perClient: 100, ...options.uploads });
  const listener = listenerOf(registry, slots, options.entry ?? "listener", faults);
  const server = createServer(httpLimits);
  serveRequests(server, listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  const connections = promisify(server.getConnections.bind(server));
  return { port, registry, slots, faults, connections, close };
}

function listenerOf(
  registry: Registry,
  slots: UploadSlots,
  entry: Entry,
  faults: string[],
): RequestListener {
  const log = pino({ level: "error" }, { write: (line: string) => faults.push(line) });
  const tokens = new RegistryTokens(registry.signingKeys, "dcos-registry");
  const identity = createIdentity({ registryTokens: tokens, throttle: new LoginThrottle({}) });
  const challenges = new Challenges({
    publicUrl: "https://registry.example",
    service: "dcos-registry",
    certificateNames: () => new Set(),
  });
  const guard = createWriteGuard(identity, { readOnly: false, challenges });
  const v2 = createV2Handler({
    registry,
    guard,
    version: createVersionCheck(identity, challenges),
    token: createTokenRoute({ identity, tokens, challenges }),
    slots,
    log,
  });
  const catalog = new PackageCatalog(registry);
  const locations = { publicUrl: "https://registry.example", imageHost: "registry.example" };
  const index = new CosmosIndex({ catalog, locations });
  const app = createApp({
    v2,
    catalog,
    index,
    locations,
    openBlob: async (digest, range, signal) => registry.blobs.stream(digest, range, signal),
    guard,
    bundleLimit: MiB,
    collection: new NoCollection("nothing here to collect"),
    healthChecks: [],
    log,
  });
  const others = answerIndexFirst(app, index, logFailures(log));
  return entry === "express" ? app : createListener(v2, others);
}

/**
 * Every route of the server in one express application.
 *
 * The dispatcher of `/v2` is mounted here, too, so that it behaves alike through both entries; requests
 * usually reach it straight from the listener.
 */
import express, { type Express } from "express";
import type { Logger } from "pino";
import type { Catalog } from "../catalog/catalog.ts";
import type { CosmosIndex } from "../catalog/cosmos-index.ts";
import type { ServedLocations } from "../catalog/repository-entry.ts";
import type { GarbageCollection } from "../registry/collector/garbage-collection.ts";
import type { Room } from "../storage/room.ts";
import { bundleRoutes } from "./bundle-routes.ts";
import { cosmosErrors } from "./cosmos-envelope.ts";
import { gcRoutes } from "./gc-routes.ts";
import { type HealthCheck, healthRoutes } from "./health-routes.ts";
import { isV2 } from "./listener.ts";
import { packageRoutes } from "./package-routes.ts";
import { repoRoutes } from "./repo-routes.ts";
import { NotFound } from "./request-error.ts";
import { logFailures } from "./request-log.ts";
import { type OpenBlob, resourceRoutes } from "./resource-routes.ts";
import { type Scrubbing, scrubRoutes } from "./scrub-routes.ts";
import type { Handler } from "./version-check.ts";
import type { WriteGuard } from "./write-guard.ts";

export interface AppParts {
  readonly v2: Handler;
  readonly catalog: Catalog;
  readonly index: CosmosIndex;
  readonly locations: ServedLocations;
  readonly openBlob: OpenBlob;
  readonly guard: WriteGuard;
  /** Asked before a package is taken; without it there is always room. */
  readonly room?: Room;
  readonly bundleLimit: number;
  readonly collection: GarbageCollection;
  readonly scrubbing?: Scrubbing;
  readonly healthChecks: readonly HealthCheck[];
  /** Of this product. */
  readonly version?: string;
  readonly log: Logger;
}

export function createApp(parts: AppParts): Express {
  const { v2, catalog, index, locations, openBlob, guard, room, healthChecks, log } = parts;
  const { bundleLimit, collection } = parts;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use((request, response, next) => (isV2(request) ? v2(request, response) : next()));
  app.use(healthRoutes(index, healthChecks, parts.version));
  app.use(repoRoutes(index));
  app.use(resourceRoutes({ catalog, openBlob }));
  app.use(bundleRoutes(catalog));
  app.use(
    packageRoutes({ catalog, locations, guard, bundleLimit, collection, ...(room && { room }) }),
  );
  app.use(gcRoutes(collection, guard));
  if (parts.scrubbing) app.use(scrubRoutes(parts.scrubbing, guard));
  app.use(() => {
    throw new NotFound();
  });
  app.use(cosmosErrors(logFailures(log)));
  return app;
}

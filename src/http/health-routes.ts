/**
 * `/health`, and `/` for everyone who does not ask it for the package index.
 *
 * 200 as long as packages can be read, even where checks say that something is wrong: whoever
 * restarts the registry over a full disk takes the images from running services.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Router } from "express";
import type { CosmosIndex } from "../catalog/cosmos-index.ts";
import { sendJson } from "./answer.ts";
import { sendIndex, wantedVersion } from "./index-answer.ts";
import { MethodNotAllowed } from "./request-error.ts";

export interface HealthStatus {
  readonly healthy: boolean;
  /** For operators, shown to everybody: no paths, no secrets. */
  readonly message: string;
}

export interface HealthCheck {
  /** Under which it stands in the answer. */
  readonly name: string;
  run(): Promise<HealthStatus>;
}

/**
 * @param checks beyond `/repo`, which is always looked at
 * @param version of this product, told beside the checks
 */
export function healthRoutes(
  index: CosmosIndex,
  checks: readonly HealthCheck[] = [],
  version?: string,
): Router {
  const router = Router({ caseSensitive: true });
  const health = { index, checks, version };
  router.get("/health", (request, response) => sendHealth(health, request, response));
  router.get("/", async (request, response) => {
    response.setHeader("Vary", "Accept");
    if (wantedVersion(request.headers.accept) !== undefined) {
      await sendIndex(index, request, response);
    } else {
      await sendHealth(health, request, response);
    }
  });
  router.all(["/health", "/"], () => {
    throw new MethodNotAllowed("GET, HEAD");
  });
  return router;
}

interface Health {
  readonly index: CosmosIndex;
  readonly checks: readonly HealthCheck[];
  readonly version: string | undefined;
}

/** Answers 503 only when no package can be served. */
async function sendHealth(
  { index, checks, version }: Health,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const repo = await repoStatus(index);
  const others = await Promise.all(
    checks.map(async (one) => ({ [one.name]: shown(await safe(one)) })),
  );
  const all: object = Object.assign({ "/repo": shown(repo) }, ...others);
  await sendJson(
    request,
    response,
    repo.served ? 200 : 503,
    "application/json",
    { checks: all, version },
    { "Cache-Control": "no-store" },
  );
}

async function repoStatus(index: CosmosIndex): Promise<HealthStatus & { served: boolean }> {
  try {
    const { packageCount, failure, leftOut } = await index.health();
    const found = `Able to find ${packageCount} package(s).`;
    const problems = [
      ...(failure === undefined
        ? []
        : ["The storage cannot be read: this is the last good index."]),
      ...(leftOut.length === 0 ? [] : [`Left out as unreadable: ${leftOut.join(", ")}.`]),
    ];
    const message = [found, ...problems].join(" ");
    return { healthy: problems.length === 0, message, served: true };
  } catch {
    return { healthy: false, message: "The storage cannot be read.", served: false };
  }
}

async function safe(check: HealthCheck): Promise<HealthStatus> {
  try {
    return await check.run();
  } catch {
    return { healthy: false, message: "The check itself failed; the log says why." };
  }
}

function shown({ healthy, message }: HealthStatus): object {
  return { [healthy ? "Healthy" : "Unhealthy"]: { message } };
}

/**
 * Garbage collection: what it does, and a cycle on request.
 *
 * `GET /gc` is for everybody, as all figures are. `POST /gc` asks for a cycle, which may take long,
 * with the rights of a writer, and answers with what it found and did.
 */
import type { RequestHandler } from "express";
import { Router } from "express";
import {
  type CollectorStatus,
  type EndedCycle,
  type GarbageCollection,
  reclaimableBytes,
} from "../registry/collector/garbage-collection.ts";
import { describeError, resultMediaType, sendResult } from "./cosmos-envelope.ts";
import { optionalFlag, readJson } from "./json-body.ts";
import { MethodNotAllowed } from "./request-error.ts";
import { WaitingAnswer } from "./waiting-answer.ts";
import type { WriteGuard } from "./write-guard.ts";

export function gcRoutes(collection: GarbageCollection, guard: WriteGuard): Router {
  const router = Router({ caseSensitive: true });
  router.get("/gc", async (request, response) => {
    const status = shown(await collection.status());
    await sendResult(request, response, "gc-response", status);
  });
  router.post("/gc", runCycle(collection, guard));
  router.all("/gc", () => {
    throw new MethodNotAllowed("GET, HEAD, POST");
  });
  return router;
}

function runCycle(collection: GarbageCollection, guard: WriteGuard): RequestHandler {
  return async (request, response) => {
    await guard(request, {});
    const dryRun = optionalFlag(await readJson(request), "dryRun") ?? false;
    const waiting = new WaitingAnswer(
      request,
      response,
      resultMediaType(request, "gc-run-response"),
    );
    try {
      const result = { dryRun, report: await collection.run({ dryRun }) };
      if (waiting.begun) waiting.finish(result);
      else await sendResult(request, response, "gc-run-response", result);
    } catch (error) {
      if (waiting.begun) waiting.finish(describeError(error));
      throw error;
    } finally {
      waiting.stop();
    }
  };
}

/** Why a cycle failed is for the log: it may name keys. */
function shown(status: CollectorStatus): object {
  const { last, ...rest } = status;
  const bytes = reclaimableBytes(status);
  return {
    ...rest,
    ...(bytes !== undefined && { reclaimableBytes: bytes }),
    ...(last && { last: shownCycle(last) }),
  };
}

function shownCycle({ error, ...cycle }: EndedCycle): object {
  return { ...cycle, failed: error !== undefined };
}

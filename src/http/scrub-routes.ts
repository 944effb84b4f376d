/**
 * `/scrub`: how the verification of all that is stored goes, what it has found, and a pass on request.
 *
 * `GET` is for everybody, as all figures are. `POST` needs the rights of a writer; the pass begins
 * within seconds, with a bucket within half a minute, in whichever process does it; `GET` tells of it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Router } from "express";
import type { ScrubState } from "../registry/scrub/scrub-journal.ts";
import { sendResult } from "./cosmos-envelope.ts";
import { readJson } from "./json-body.ts";
import { MethodNotAllowed } from "./request-error.ts";
import type { WriteGuard } from "./write-guard.ts";

export interface Scrubbing {
  status(): Promise<ScrubState>;
  request(): Promise<void>;
}

export function scrubRoutes(scrubbing: Scrubbing, guard: WriteGuard): Router {
  const router = Router({ caseSensitive: true });
  router.get("/scrub", (request, response) => sendStatus(scrubbing, request, response));
  router.post("/scrub", async (request, response) => {
    await guard(request, {});
    await readJson(request);
    await scrubbing.request();
    await sendStatus(scrubbing, request, response);
  });
  router.all("/scrub", () => {
    throw new MethodNotAllowed("GET, HEAD, POST");
  });
  return router;
}

async function sendStatus(
  scrubbing: Scrubbing,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { runner, requested = false, ...rest } = await scrubbing.status();
  const state = runner ? "running" : requested ? "requested" : "waiting";
  await sendResult(request, response, "scrub-response", { state, ...rest });
}

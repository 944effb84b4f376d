/** `/repo` and `/repo/<package>` among the routes: what no answer in front of them takes. */
import { Router } from "express";
import type { CosmosIndex } from "../catalog/cosmos-index.ts";
import { onePackage, packageOf, sendIndex } from "./index-answer.ts";
import { MethodNotAllowed } from "./request-error.ts";

export function repoRoutes(index: CosmosIndex): Router {
  const router = Router({ caseSensitive: true });
  router.get("/repo", (request, response) => sendIndex(index, request, response));
  router.get(onePackage, (request, response) =>
    sendIndex(index, request, response, packageOf(request.path)),
  );
  router.all(["/repo", onePackage], () => {
    throw new MethodNotAllowed("GET, HEAD");
  });
  return router;
}

/** The product's Cosmos side over TLS, around a catalogue in memory. */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import express, { Router } from "express";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { cosmosErrors } from "../../src/http/cosmos-envelope.ts";
import { healthRoutes } from "../../src/http/health-routes.ts";
import { repoRoutes } from "../../src/http/repo-routes.ts";
import { resourceRoutes } from "../../src/http/resource-routes.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import type { Resolve } from "./java-fetch.ts";

export const registryHost = "dcos-registry.marathon.l4lb.thisdcos.directory";

const authority = new CertificateAuthority();

export interface OurServer {
  readonly catalog: MemoryCatalog;
  readonly network: { readonly ca: string; readonly resolve: Resolve };
  close(): Promise<void>;
}

export async function startOurServer(catalog = new MemoryCatalog()): Promise<OurServer> {
  const locations = { publicUrl: `https://${registryHost}`, imageHost: `${registryHost}:443` };
  const index = new CosmosIndex({ catalog, locations });
  const app = express();
  app.use(repoRoutes(index), healthRoutes(index), imageRoutes(catalog));
  app.use(
    resourceRoutes({
      catalog,
      openBlob: async (digest, range) => {
        const bytes = catalog.blobs.get(digest) ?? Buffer.alloc(0);
        return (async function* () {
          yield range ? bytes.subarray(range.start, range.end + 1) : bytes;
        })();
      },
    }),
  );
  app.use(cosmosErrors(() => {}));
  const { key, certificate } = authority.issue(registryHost);
  const server = createServer({ key, cert: certificate }, app);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    catalog,
    network: { ca: authority.certificate, resolve: () => ({ host: "127.0.0.1", port }) },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Stands for `/v2`: says whether a name and tag are those of a package's image. */
function imageRoutes(catalog: MemoryCatalog): Router {
  const router = Router();
  const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
  router.head(manifest, async (request, response) => {
    const [, name, wanted] = manifest.exec(request.path) ?? [];
    const { packages } = await catalog.snapshot();
    const known = packages.some(({ record }) =>
      record.images.some(({ repository, tag }) => repository === name && tag === wanted),
    );
    response.status(known ? 200 : 404).end();
  });
  return router;
}

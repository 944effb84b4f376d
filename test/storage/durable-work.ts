/** Run under strace: work on a registry in a directory, saying where each request is acknowledged. */
import {
  accessSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { fixedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { imageOf, large, noBody, pushContent, repository } from "../registry/content.ts";
import { pattern } from "./bytes.ts";

function acknowledge(name: string): void {
  try {
    accessSync(`/acknowledged/${name}`);
  } catch {
    // There is no such file: the attempt to look is what the trace shows.
  }
}

/** A synced file that waits for its name. */
function foreignFile(name: string): string {
  const file = path.join(root, "staging", name);
  const descriptor = openSync(file, "wx", 0o600);
  writeSync(descriptor, pattern(300));
  fsyncSync(descriptor);
  closeSync(descriptor);
  return file;
}

const [root = ""] = process.argv.slice(2);
const store = await FilesystemStore.open(root);
acknowledge("open");

const revision = await store.save("a/new/document", pattern(100), { absent: true });
acknowledge("create");
await store.save("a/new/document", pattern(200), { revision });
acknowledge("replace");
await store.save("a/new/other", pattern(100), { absent: true });
acknowledge("create beside");
const staged = await store.stage("data/in/new/place");
await staged.append(pattern(100_000));
await staged.append(pattern(100_000));
await staged.commit();
acknowledge("commit");
await Promise.all(
  [1, 2, 3, 4].map((seed) => store.save(`x/y/${seed}`, pattern(seed), { absent: true })),
);
acknowledge("four at once");

// As another process leaves them that has given a document its name and not synced that yet.
linkSync(foreignFile("one"), path.join(root, "store/a/new/created"));
await store.load("a/new/created");
acknowledge("read of what another has created");
renameSync(foreignFile("two"), path.join(root, "store/a/new/document"));
await store.load("a/new/document");
acknowledge("read of what another has replaced");
await store.load("a/new/document");

const registry = openRegistry(store, { manifestLimit: 1_000_000, uploadLifeMs: 3_600_000 });
const image = imageOf(1);
for (const content of [image.config, ...image.layers]) {
  await pushContent(registry, content);
  acknowledge(`push of ${content.bytes.byteLength} bytes`);
}
await registry.manifests.put(repository, image.manifest, ["v1"]);
acknowledge("manifest");
const blob = large(5);
const id = await registry.uploads.start(repository);
await registry.uploads.append(repository, id, { body: blob.body() });
acknowledge("chunk");
await registry.uploads.finish(repository, id, blob.digest, { body: noBody() });
acknowledge("upload");
const catalog = new PackageCatalog(registry);
const bundle = await makeBundle({ assets: { "large.bin": fixedBody(pattern(40_000)) } });
await catalog.ingest(bundle.stream(), new AbortController().signal);
acknowledge("package");
await catalog.remove("test-bundle", "1.0");
acknowledge("package removed");
await registry.manifests.untag(repository, "v1");
acknowledge("untag");
await registry.manifests.delete(repository, image.manifest.digest);
acknowledge("delete");

/**
 * A storage with many packages: each with an app, options, an image and a file of its own.
 *
 * They are published by the catalogue itself, in memory; a definition has the length of a small one of
 * the public catalogue.
 */
import type { CatalogEntry, CatalogValue } from "../../src/catalog/catalog-document.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { fixedBody } from "../fixtures/body.ts";
import { type Bundle, makeBundle, smallImage } from "../fixtures/bundle.ts";
import type { TestImage } from "../fixtures/image.ts";
import { writeOut } from "../fixtures/quick-storage.ts";

const mebibyte = 1024 * 1024;

/**
 * Each is published to a catalogue of its own, and their entries are put together: an addition to a
 * large catalogue writes all of it.
 */
export async function writeOutPackages(storage: string, count: number): Promise<void> {
  const entries: CatalogEntry[] = [];
  const lastRelease: Record<string, number> = {};
  const image = await smallImage("shared");
  for (let number = 0; number < count; number += 1) {
    const { store, catalog } = await publishAlone(await numberedBundle(number, image));
    entries.push(...catalog.entries);
    Object.assign(lastRelease, catalog.lastRelease);
    await writeOut(store, storage);
  }
  const all = new MemoryStore();
  await new Documents(all).create(layout.catalog, { value: { entries, lastRelease } });
  await writeOut(all, storage);
}

async function publishAlone(
  bundle: Bundle,
): Promise<{ store: MemoryStore; catalog: CatalogValue }> {
  const store = new MemoryStore();
  const registry = openRegistry(store, { manifestLimit: mebibyte, uploadLifeMs: 3_600_000 });
  const { signal } = new AbortController();
  await new PackageCatalog(registry).ingest(bundle.stream(), signal);
  const document = await registry.documents.read<CatalogValue>(layout.catalog);
  if (document === undefined) throw new Error("the package is not in the catalogue");
  await store.delete(layout.catalog);
  return { store, catalog: document.value };
}

/** @param number makes its name */
export function numberedBundle(number: number, image: TestImage): Promise<Bundle> {
  const name = packageName(number);
  return makeBundle({
    name,
    assets: { "scheduler.zip": fixedBody(`scheduler of ${name}\n`) },
    images: { [`docker.io/acme/${name}:1`]: image },
    definition: {
      description: `Runs ${name}, with all that belongs to it. `.repeat(8),
      marathon: { v2AppMustacheTemplate: Buffer.from(template(name)).toString("base64") },
      config: options(name),
    },
  });
}

export function packageName(number: number): string {
  return `package-${String(number).padStart(5, "0")}`;
}

function template(name: string): string {
  return JSON.stringify({
    id: "{{service.name}}",
    cpus: "{{service.cpus}}",
    mem: "{{service.mem}}",
    instances: 1,
    cmd: `export LD_LIBRARY_PATH=$MESOS_SANDBOX && ./${name}/bin/scheduler ./${name}/svc.yml`,
    labels: { DCOS_SERVICE_NAME: "{{service.name}}", DCOS_PACKAGE_FRAMEWORK_NAME: name },
    container: { type: "MESOS", docker: { image: "{{resource.assets.container.docker.image-0}}" } },
    fetch: [{ uri: "{{resource.assets.uris.scheduler-zip}}" }],
  });
}

function options(name: string): object {
  const property = (type: string, value: unknown, what: string) => ({
    type,
    default: value,
    description: `${what} of ${name}.`,
  });
  return {
    type: "object",
    properties: {
      service: {
        type: "object",
        description: "The service itself.",
        properties: {
          name: property("string", name, "Name"),
          cpus: property("number", 1, "Processors"),
          mem: property("number", 1024, "Memory in MiB"),
        },
        required: ["name", "cpus", "mem"],
      },
    },
    required: ["service"],
  };
}

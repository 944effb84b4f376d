/** Small definitions for tests, written here so that no catalogue file is needed. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { type Finding, formatFinding, PackageInvalid } from "../../src/packages/finding.ts";
import type { JsonObject } from "../../src/packages/package-definition.ts";

export const hash = "0123456789abcdef".repeat(4);

export const template = `{
  "id": "{{service.name}}",
  "cpus": {{service.cpus}},
  "cmd": "./run {{resource.assets.uris.archive-zip}}",
  "container": { "docker": { "image": "{{resource.assets.container.docker.server}}" } }
}
`;

export const config: JsonObject = {
  type: "object",
  properties: {
    service: {
      type: "object",
      properties: {
        name: { type: "string", default: "demo" },
        cpus: { type: "number", default: 0.5 },
      },
    },
  },
};

export const resource: JsonObject = {
  assets: {
    uris: { "archive-zip": "https://example.org/demo/archive.zip" },
    container: { docker: { server: "acme/server:1.2" } },
  },
  images: {
    "icon-small": "https://example.org/small.png",
    "icon-medium": "https://example.org/medium.png",
    "icon-large": "https://example.org/large.png",
  },
  cli: {
    binaries: {
      linux: {
        "x86-64": {
          contentHash: [{ algo: "sha256", value: hash }],
          kind: "executable",
          url: "https://example.org/cli-linux",
        },
      },
    },
  },
};

export const packageFields: JsonObject = {
  packagingVersion: "4.0",
  name: "demo",
  version: "1.0",
  maintainer: "someone@example.org",
  description: "A demonstration",
  tags: ["demo"],
};

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A whole definition as `metadata.json` and build definitions hold it. */
export function definition(change: JsonObject = {}): JsonObject {
  return {
    ...packageFields,
    marathon: { v2AppMustacheTemplate: base64(template) },
    resource,
    config,
    ...change,
  };
}

export function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** A directory with these files, removed after the test. */
export async function directory(
  test: Pick<TestContext, "after">,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), "definition-"));
  test.after(() => rm(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return root;
}

/** The findings of what must be refused. */
export async function findingsOf(act: () => unknown): Promise<readonly Finding[]> {
  try {
    await act();
  } catch (error) {
    if (error instanceof PackageInvalid) return error.findings;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** The same, printed. */
export async function printed(act: () => unknown): Promise<string[]> {
  return (await findingsOf(act)).map(formatFinding);
}

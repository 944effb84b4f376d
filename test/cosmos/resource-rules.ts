/** Rules P1 to P4: whether Cosmos' proxy and the CLI get each file, whole and usable. */
import { createHash } from "node:crypto";
import { resourceHeaders } from "../../src/cosmos/client-profile.ts";
import { parseMediaType } from "../../src/cosmos/media-type.ts";
import type { FileReference } from "../../src/cosmos/references.ts";
import type { Violations } from "../../src/cosmos/violation.ts";
import { type JavaAnswer, javaFetch, type Network } from "./java-fetch.ts";
import { zipEntries } from "./zip-entries.ts";

export interface ResourceOptions {
  readonly network: Network;
  readonly cosmosVersion: string;
  /** The name that a file had where the package came from; `undefined`: not known. */
  readonly originalName?: ((file: FileReference) => string | undefined) | undefined;
}

interface Fetched {
  readonly sha256: string;
  /** Only of CLI binaries. */
  readonly bytes?: Buffer;
}

/** Fetches each URL once, whatever number of packages names it. */
export async function checkResources(
  files: readonly FileReference[],
  options: ResourceOptions,
  violations: Violations,
): Promise<void> {
  const fetched = new Map<string, Fetched | undefined>();
  for (const file of files) {
    const place = violations.at(` ${file.url} `);
    checkName(file, options, place);
    const key = `${file.kind === "cli"} ${file.url}`;
    if (!fetched.has(key)) fetched.set(key, await fetchFile(file, options, place));
    const content = fetched.get(key);
    if (content && file.cli) checkBinary(file.cli, content, place);
  }
}

async function fetchFile(
  { url, kind }: FileReference,
  { network, cosmosVersion }: ResourceOptions,
  violations: Violations,
): Promise<Fetched | undefined> {
  try {
    const headers = (host: string) => resourceHeaders(cosmosVersion, host);
    const answer = await javaFetch(new URL(url), headers, network);
    const right = checkHeaders(answer, violations);
    const hash = createHash("sha256");
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body) {
      hash.update(chunk);
      length += chunk.length;
      if (kind === "cli") chunks.push(chunk);
    }
    const stated = answer.headers["content-length"];
    if (right) violations.expect(String(length) === stated, "P1", `${length} bytes, not ${stated}`);
    if (!right) return undefined;
    return { sha256: hash.digest("hex"), ...(kind === "cli" && { bytes: Buffer.concat(chunks) }) };
  } catch (error) {
    violations.add("P1", String(error));
    return undefined;
  }
}

/** @returns whether the body is what it should be a copy of */
function checkHeaders({ status, hops, headers }: JavaAnswer, violations: Violations): boolean {
  const before = violations.found.length;
  const {
    "content-type": type,
    "content-length": length,
    "transfer-encoding": transfer,
    "content-encoding": encoding,
  } = headers;
  violations.expect(status === 200, "P1", `status ${status}`);
  violations.expect(hops === 0, "P1", `${hops} redirects`);
  violations.expect(parseMediaType(type ?? "") !== undefined, "P1", `Content-Type ${type}`);
  violations.expect(/^[1-9]\d*$/.test(length ?? ""), "P1", `Content-Length ${length}`);
  violations.expect(transfer === undefined, "P1", `Transfer-Encoding ${transfer}`);
  violations.expect(encoding === undefined, "P1", `Content-Encoding ${encoding}`);
  return violations.found.length === before;
}

function checkBinary(
  { kind, hashes }: NonNullable<FileReference["cli"]>,
  { sha256, bytes = Buffer.alloc(0) }: Fetched,
  violations: Violations,
): void {
  // The Go CLI compares the last one, as text.
  const stated = hashes.findLast(({ algo }) => algo === "sha256")?.["value"];
  violations.expect(stated === sha256, "P2", `has SHA-256 ${sha256}, not ${stated}`);
  const zipped = bytes.subarray(0, 4).toString("latin1") === "PK\x03\x04";
  if (kind !== "zip") {
    const looksZipped = bytes.subarray(0, 2).toString("latin1") === "PK";
    violations.expect(!looksZipped, "P3", "executable starts like a zip archive");
    return;
  }
  violations.expect(zipped, "P3", "kind zip is no zip archive");
  if (!zipped) return;
  const usable = zipEntries(bytes).some(
    ({ name, mode }) =>
      name === "plugin.toml" || (/^bin\/dcos-[^/]+$/.test(name) && (mode & 0o111) !== 0),
  );
  violations.expect(usable, "P3", "zip without plugin.toml and without executable bin/dcos-*");
}

function checkName(
  file: FileReference,
  { originalName }: ResourceOptions,
  violations: Violations,
): void {
  const name = file.url.slice(file.url.lastIndexOf("/") + 1);
  violations.expect(name !== "", "P4", "ends in a slash");
  const original = originalName?.(file);
  if (original !== undefined) violations.expect(name === original, "P4", `was ${original}`);
}

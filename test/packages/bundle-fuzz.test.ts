/**
 * Mutated bundles: whatever is done to the bytes, reading ends, and ends with the package or with
 * BundleInvalid. Seeded, so a failure names the seed that repeats it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { type Digest, digestSoFar } from "../../src/oci/digest.ts";
import { BlobUnknown, DigestMismatch } from "../../src/oci/registry-error.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import { type BundleSink, readBundle } from "../../src/packages/bundle-reader.ts";
import { PackageInvalid } from "../../src/packages/finding.ts";
import { readPackageContent } from "../../src/packages/read-package-content.ts";
import { bundleOf, chunked, setChecksum } from "./hostile-tar.ts";
import { type SamplePackage, samplePackage, tampered } from "./sample-package.ts";

/** Mulberry32: small, fast, and the same everywhere. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;
type Mutation = (bytes: Buffer, random: Random) => Buffer;

const cut = (bytes: Buffer, from: number, length: number, insert: Buffer = Buffer.alloc(0)) =>
  Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + length)]);

const flipBytes: Mutation = (bytes, random) => {
  for (let count = 1 + random(4); count > 0; count -= 1) bytes[random(bytes.length)] = random(256);
  return bytes;
};

/** Name, size, type, link name, prefix. */
const fields = [
  [0, 100],
  [124, 12],
  [156, 1],
  [157, 100],
  [345, 155],
] as const;

/** In a header, with its checksum set right again, so that the field itself is looked at. */
const changeHeader: Mutation = (bytes, random) => {
  const headers = headersIn(bytes);
  const at = headers[random(headers.length)] ?? 0;
  const block = bytes.subarray(at, at + 512);
  const [start, length] = fields[random(fields.length)] ?? fields[0];
  block[start + random(length)] = random(3) === 0 ? random(256) : 0x30 + random(10);
  setChecksum(block);
  return bytes;
};

function headersIn(bytes: Buffer): number[] {
  const blocks = Array.from({ length: Math.floor(bytes.length / 512) }, (_, block) => block * 512);
  return blocks.filter((at) => bytes.toString("latin1", at + 257, at + 262) === "ustar");
}

const removePart: Mutation = (bytes, random) => cut(bytes, random(bytes.length), random(2048));
const removeBlocks: Mutation = (bytes, random) =>
  cut(bytes, 512 * random(bytes.length / 512), 512 * (1 + random(3)));
const truncate: Mutation = (bytes, random) => bytes.subarray(0, random(bytes.length));
const repeatBlocks: Mutation = (bytes, random) => {
  const from = 512 * random(bytes.length / 512);
  return cut(bytes, 512 * random(bytes.length / 512), 0, bytes.subarray(from, from + 1024));
};
const changeText: Mutation = (bytes, random) => {
  const words = ["sha256:", '"size":', "manifests", "vnd.dcos.package", '"', "[", "{", "schema"];
  const at = bytes.indexOf(words[random(words.length)] ?? "", random(bytes.length));
  if (at < 0) return flipBytes(bytes, random);
  bytes[at + random(12)] = 0x20 + random(95);
  return bytes;
};

const mutations = [
  flipBytes,
  changeHeader,
  changeHeader,
  removePart,
  removeBlocks,
  truncate,
  repeatBlocks,
  changeText,
  changeText,
];

class VerifyingSink implements BundleSink {
  readonly blobs = new Map<Digest, Buffer>();

  async blob(digest: Digest, _size: number, body: AsyncIterable<Buffer>): Promise<void> {
    const hash = createHash("sha256");
    const chunks: Buffer[] = [];
    for await (const chunk of body) {
      hash.update(chunk);
      chunks.push(Buffer.from(chunk));
    }
    const actual = digestSoFar("sha256", hash);
    if (actual !== digest) throw new DigestMismatch(digest, actual);
    this.blobs.set(digest, Buffer.concat(chunks));
  }
}

/** @returns the message, or undefined when the package came through whole */
async function judge(
  bytes: Buffer,
  size: number,
  sample: SamplePackage,
): Promise<string | undefined> {
  const sink = new VerifyingSink();
  return messageOf(async () => {
    const { root } = await readBundle(chunked(bytes, size), sink);
    const { definition } = await readPackageContent(root.digest, readFrom(sink.blobs));
    assert.equal(root.digest, sample.root);
    assert.deepEqual(definition, sample.definition);
  });
}

async function messageOf(operation: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await operation();
    return undefined;
  } catch (error) {
    if (error instanceof BundleInvalid || error instanceof PackageInvalid) return error.message;
    throw error;
  }
}

function readFrom(blobs: ReadonlyMap<Digest, Buffer>): (digest: Digest) => Promise<Buffer> {
  return async (digest) => {
    const found = blobs.get(digest);
    if (found === undefined) throw new BlobUnknown(digest);
    return found;
  };
}

/** Counts what was said, with everything particular left out. */
class Outcomes {
  readonly #counts = new Map<string, number>();

  add(message: string | undefined): void {
    const kind = (message ?? "whole").replaceAll(/[0-9a-f]{12,}|\d+|".*"/g, "…");
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** Enough rules must have been reached for a run to say anything. */
  expect(kinds: number, whole: number): void {
    assert.ok(this.#counts.size >= kinds, [...this.#counts.keys()].join("\n"));
    assert.ok((this.#counts.get("whole") ?? 0) < whole);
  }
}

async function repeatable(seed: number, operation: (random: Random) => Promise<void>) {
  await operation(randomNumbers(seed)).catch((cause) => {
    throw new Error(`seed ${seed}`, { cause });
  });
}

const oddValues = [null, true, 0, -1, 1.5, 2 ** 60, "", "x", "sha256:", "\u0000", [], {}, [[]]];

/** One value of a document replaced, removed or doubled, at any depth. */
function changeValue(document: unknown, random: Random): void {
  if (typeof document !== "object" || document === null) return;
  const entries = Object.entries(document);
  const [key, value] = entries[random(entries.length)] ?? ["x", null];
  const deeper = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (deeper && random(4) > 0) changeValue(value, random);
  else if (random(5) === 0) Reflect.deleteProperty(document, key);
  else if (Array.isArray(document) && random(3) === 0) document.push(value);
  else Reflect.set(document, key, oddValues[random(oddValues.length)]);
}

describe("bundles under fuzz", () => {
  const sample = samplePackage();

  it("are read as the package itself or as invalid, whatever happened to their bytes", async () => {
    const bundle = await bundleOf(sample);
    const outcomes = new Outcomes();
    const sizes = [300, 512, 513, 4096, 65_536];
    for (let seed = 0; seed < 1000; seed += 1) {
      await repeatable(seed, async (random) => {
        let bytes: Buffer = Buffer.from(bundle);
        for (let count = 1 + random(3); count > 0; count -= 1) {
          const mutate = mutations[random(mutations.length)] ?? flipBytes;
          if (bytes.length > 512) bytes = Buffer.from(mutate(bytes, random));
        }
        outcomes.add(await judge(bytes, sizes[random(sizes.length)] ?? 512, sample));
      });
    }
    outcomes.expect(12, 300);
  });

  it("are refused when the documents of the package contradict each other", async () => {
    const outcomes = new Outcomes();
    for (let seed = 0; seed < 1500; seed += 1) {
      await repeatable(seed, async (random) => {
        const definition = structuredClone(sample.definition);
        const which = random(3);
        if (which === 0) changeValue(definition, random);
        const { root, content } = tampered(
          sample,
          (index, metadata) => {
            if (which === 1) changeValue(index, random);
            if (which === 2) changeValue(metadata, random);
          },
          definition,
        );
        outcomes.add(await messageOf(() => readPackageContent(root, readFrom(content))));
      });
    }
    outcomes.expect(25, 400);
  });
});

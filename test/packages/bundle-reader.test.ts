import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync, gzipSync } from "node:zlib";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { DigestMismatch } from "../../src/oci/registry-error.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import { type BundleSink, readBundle } from "../../src/packages/bundle-reader.ts";
import {
  blobEntry,
  bundleOf,
  chunked,
  entriesOf,
  type RawEntry,
  rawEntry,
  rawTar,
  tarEnd,
  tarStreamOf,
} from "./hostile-tar.ts";
import { samplePackage } from "./sample-package.ts";

/** A full, small sink: verifies and keeps everything. */
class MemorySink implements BundleSink {
  readonly content = new Map<Digest, Buffer>();

  async blob(digest: Digest, size: number, body: AsyncIterable<Buffer>): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    const bytes = Buffer.concat(chunks);
    assert.equal(bytes.length, size);
    if (digestOf(bytes) !== digest) throw new DigestMismatch(digest, digestOf(bytes));
    this.content.set(digest, bytes);
  }
}

const read = (bytes: Buffer, size?: number) => readBundle(chunked(bytes, size), new MemorySink());

async function refusal(bytes: Buffer): Promise<BundleInvalid> {
  const error = await read(bytes).then(
    () => assert.fail("was accepted"),
    (reason) => reason,
  );
  assert.ok(error instanceof BundleInvalid, String(error));
  assert.equal(error.code, "BUNDLE_INVALID");
  return error;
}

const sample = samplePackage();
const bundle = await bundleOf(sample);
const entries = entriesOf(bundle);
const without = (name: string) => entries.filter((entry) => entry.name !== name);
const replace = (name: string, change: (body: Buffer) => string | Buffer): RawEntry[] =>
  entries.map((entry) => (entry.name === name ? { name, body: change(entry.body) } : entry));
/** A bundle with one more entry in front of its first blob. */
const withEntry = (entry: RawEntry) => rawTar([...entries.slice(0, 3), entry, ...entries.slice(3)]);

describe("readBundle", () => {
  it("hands every blob to the sink and returns the package root", async () => {
    const sink = new MemorySink();
    const { root, index } = await readBundle(chunked(bundle), sink);
    assert.equal(root.digest, sample.root);
    assert.equal(index.manifests.length, 3);
    assert.deepEqual(new Set(sink.content.keys()), new Set(sample.content.keys()));
  });

  for (const size of [1, 511, 512, 513, 1_000_000]) {
    it(`reads chunks of ${size} bytes`, async () => {
      assert.equal((await read(bundle, size)).root.digest, sample.root);
    });
  }

  it("trusts no order of entries", async () => {
    assert.equal((await read(rawTar(entries.toReversed()))).root.digest, sample.root);
  });

  it("reads the padding that tar tools put at the end", async () => {
    const padded = Buffer.concat([bundle, Buffer.alloc(10_240 - 1024)]);
    assert.equal((await read(padded)).root.digest, sample.root);
  });

  it("reads base-256 sizes", async () => {
    const base256 = (block: Buffer) => {
      const size = Number.parseInt(block.toString("latin1", 124, 135), 8);
      block.fill(0, 124, 136);
      block[124] = 0x80;
      block.writeUInt32BE(size, 132);
    };
    const tar = rawTar(entries.map((entry) => ({ ...entry, header: base256 })));
    assert.equal((await read(tar)).root.digest, sample.root);
  });

  it("reads PAX sizes and times", async () => {
    const pax = (body: string): RawEntry => ({
      name: "PaxHeader",
      body,
      header: (block) => block.write("x", 156),
    });
    const tar = rawTar(
      entries.flatMap((entry) => {
        const size = `size=${entry.body.length}\n`;
        const record = `${size.length + 3} ${size}`;
        const length = record.length > 9 ? `${record.length} ${size}` : record;
        return [pax(`${length}22 mtime=1700000000.5\n`), { ...entry, size: 0 }];
      }),
    );
    assert.equal((await read(tar)).root.digest, sample.root);
  });

  it("keeps the pace of its sink", async () => {
    let taken = 0;
    async function* source() {
      for await (const chunk of chunked(bundle, 512)) {
        taken += chunk.length;
        yield chunk;
      }
    }
    let started: (size: number) => void = () => {};
    const reached = new Promise<number>((resolve) => {
      started = resolve;
    });
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sink: BundleSink = {
      blob: async (_, size) => {
        started(size);
        await held;
      },
    };
    const reading = readBundle(source(), sink);
    await reached;
    await new Promise(setImmediate);
    const before = taken;
    await new Promise(setImmediate);
    assert.equal(taken, before);
    assert.ok(taken < bundle.length / 2);
    release();
    await reading;
  });

  it("lets its source go when the sink fails, and reports the sink's error", async () => {
    let closed = false;
    async function* source() {
      try {
        yield* chunked(bundle, 100);
      } finally {
        closed = true;
      }
    }
    const failure = new Error("disk full");
    const sink = { blob: () => Promise.reject(failure) };
    await assert.rejects(readBundle(source(), sink), (error) => error === failure);
    assert.ok(closed);
  });

  it("reports what its source fails with", async () => {
    const failure = new Error("connection lost");
    async function* source() {
      yield bundle.subarray(0, 3000);
      throw failure;
    }
    await assert.rejects(readBundle(source(), new MemorySink()), (error) => error === failure);
  });

  it("stops when its signal is aborted", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const sink: BundleSink = {
      blob: async () => {
        abort.abort(reason);
      },
    };
    const reading = readBundle(chunked(bundle), sink, { signal: abort.signal });
    await assert.rejects(reading, (error) => error === reason);
  });

  it("refuses more entries than allowed", async () => {
    const reading = readBundle(chunked(bundle), new MemorySink(), { maxEntries: 5 });
    await assert.rejects(reading, /more than 5 entries/);
  });
});

describe("readBundle refuses", () => {
  const typed =
    (type: string, link = "") =>
    (block: Buffer) => {
      block.write(type, 156);
      block.write(link, 157);
    };

  for (const [type, name] of [
    ["1", "hard link"],
    ["2", "symbolic link"],
    ["3", "character device"],
    ["5", "directory"],
    ["6", "fifo"],
    ["g", "global extension"],
    ["L", "long name"],
    ["S", "sparse file"],
  ] as const) {
    it(`a ${name}, even under the name of a blob`, async () => {
      const entry = { name: `blobs/sha256/${"0".repeat(64)}`, header: typed(type, "/etc/passwd") };
      assert.match((await refusal(withEntry(entry))).message, new RegExp(`\\(${name}\\)`));
    });
  }

  for (const name of [
    "/etc/passwd",
    "../index.json",
    "./index.json",
    "blobs/sha256/../../x",
    `blobs/sha256/${"A".repeat(64)}`,
    `blobs/sha256/${"a".repeat(63)}`,
    `blobs/sha256/${"a".repeat(64)}/x`,
    `blobs//sha256/${"a".repeat(64)}`,
    "blobs\\sha256\\x",
    "",
    "index.json\n",
    "README",
  ]) {
    it(`an entry named ${JSON.stringify(name)}`, async () => {
      assert.match((await refusal(withEntry({ name, body: "x" }))).message, /unexpected entry/);
    });
  }

  it("names completed by a prefix", async () => {
    const entry = { name: "x", header: (block: Buffer) => block.write("blobs/sha256", 345) };
    assert.match((await refusal(withEntry(entry))).message, /prefix/);
  });

  it("an entry that appears twice, document or blob", async () => {
    for (const entry of [entries[1], entries[5]]) {
      assert.ok(entry);
      assert.match((await refusal(withEntry(entry))).message, /appears twice/);
    }
  });

  it("a blob that is not what its name says", async () => {
    const error = await refusal(withEntry(blobEntry(digestOf("a"), Buffer.from("b"))));
    assert.match(error.message, /bundle is damaged: blobs\/sha256/);
    assert.ok(error.cause instanceof DigestMismatch);
  });

  it("PAX records that rename, repeat or break", async () => {
    const record = (text: string) => `${text.length + 4} ${text}\n`;
    for (const body of [
      record("path=index.json"),
      record("linkpath=index.json"),
      record("GNU.sparse.major=1"),
      record("size=9007199254740993"),
      `${"9 size=1\n"}${"9 size=1\n"}`,
      "9 size=-\n",
      "99 size=1\n",
      "9 size=1x",
      "0 size=1\n",
      "nonsense",
      "7 =abc\n",
    ]) {
      const header = (block: Buffer) => block.write("x", 156);
      const tar = Buffer.concat([rawEntry({ name: "pax", body, header }), bundle]);
      assert.match((await refusal(tar)).message, /tar extension/, body);
    }
  });

  it("PAX headers in a row, or too large", async () => {
    const header = (block: Buffer) => block.write("x", 156);
    const one = rawEntry({ name: "pax", body: "9 size=1\n", header });
    assert.match((await refusal(Buffer.concat([one, one, bundle]))).message, /in a row/);
    const large = rawEntry({ name: "pax", body: "x".repeat(70_000), header });
    assert.match((await refusal(Buffer.concat([large, bundle]))).message, /oversized/);
  });

  it("long names as another tool writes them", async () => {
    const tar = await tarStreamOf([{ name: `blobs/sha256/${"é".repeat(90)}`, size: 3 }]);
    await refusal(tar);
  });

  it("a document larger than 4 MiB, without reading it", async () => {
    const tar = rawTar([{ name: "index.json", size: 5 * 1024 * 1024 }]);
    assert.match((await refusal(tar)).message, /index.json is larger than 4194304 bytes/);
  });

  it("a broken header", async () => {
    const broken = Buffer.from(bundle);
    const second = 512 + 512;
    broken[second] = 0x41;
    assert.match((await refusal(broken)).message, /tar header is broken/);
  });

  it("sizes that are negative or absurd", async () => {
    for (const bytes of [Buffer.alloc(12, 0xff), Buffer.from([0x80, ...Buffer.alloc(11, 0xff)])]) {
      const header = (block: Buffer) => bytes.copy(block, 124);
      assert.match((await refusal(withEntry({ name: "x", header }))).message, /size of/);
    }
  });

  it("a bundle that ends early, at any place", async () => {
    for (let end = 600; end < bundle.length; end += 371) {
      const error = await refusal(bundle.subarray(0, end));
      assert.match(error.message, /truncated/);
      assert.match(error.hint ?? "", /parts/);
    }
  });

  it("a bundle cut between two entries", async () => {
    assert.match((await refusal(rawTar(entries, Buffer.alloc(0)))).message, /truncated/);
    assert.match((await refusal(rawTar(entries, Buffer.alloc(512)))).message, /truncated/);
  });

  it("bytes behind the end, and zeros without end", async () => {
    assert.match((await refusal(Buffer.concat([bundle, Buffer.from("x")]))).message, /behind/);
    assert.match((await refusal(Buffer.concat([bundle, bundle]))).message, /behind/);
    const endless = Buffer.concat([bundle, Buffer.alloc(3 * 1024 * 1024)]);
    assert.match((await refusal(endless)).message, /behind/);
  });

  it("a bundle without root, or with two", async () => {
    const edit = (change: (index: { manifests: object[] }) => void) =>
      replace("index.json", (body) => {
        const index = JSON.parse(body.toString());
        change(index);
        return JSON.stringify(index);
      });
    const none = edit(({ manifests }) => manifests.pop());
    assert.match((await refusal(rawTar(none))).message, /without a DC\/OS package/);
    const two = edit(({ manifests }) => manifests.push(manifests.at(-1) ?? {}));
    assert.match((await refusal(rawTar(two))).message, /more than one package/);
  });

  it("a root that is not in the bundle, or has another size", async () => {
    const hex = sample.root.slice(7);
    assert.match(
      (await refusal(rawTar(without(`blobs/sha256/${hex}`)))).message,
      /lacks its package root/,
    );
    const lied = replace("index.json", (body) =>
      body.toString().replace(/"size":\d+,"artifactType"/, '"size":1,"artifactType"'),
    );
    assert.match((await refusal(rawTar(lied))).message, /says that .* has 1 bytes, not/);
  });

  it("documents that are missing or broken", async () => {
    assert.match((await refusal(rawTar(without("index.json")))).message, /docker save/);
    assert.match((await refusal(rawTar(without("oci-layout")))).message, /no oci-layout/);
    const layout = replace("oci-layout", () => '{"imageLayoutVersion":"2.0.0"}');
    assert.match((await refusal(rawTar(layout))).message, /imageLayoutVersion "1.0.0"/);
    for (const text of ["", "[]", "null", "{", '{"schemaVersion":1}']) {
      const tar = rawTar(replace("index.json", () => text));
      assert.match((await refusal(tar)).message, /index.json is broken/);
    }
    assert.match((await refusal(rawTar(replace("oci-layout", () => "7")))).message, /JSON object/);
  });
});

describe("readBundle explains", () => {
  const cases: readonly (readonly [string, Buffer, RegExp, RegExp])[] = [
    ["an empty file", Buffer.alloc(0), /the file is empty/, /again/],
    ["a tar without entries", tarEnd, /not a tar|no oci-layout/, /./],
    ["a gzip", gzipSync(bundle), /compressed with gzip/, /gunzip/],
    ["a zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 4, 0]), /compressed with zstd/, /zstd -d/],
    ["a page", Buffer.from("\n<!DOCTYPE html><html>"), /HTML page/, /proxy or a login page/],
    ["a build definition", Buffer.from('{"name": "x"}'), /JSON document/, /dcos-registry build/],
    ["noise", Buffer.alloc(5000, 7), /not a tar archive/, /parts/],
    ["three bytes", Buffer.from([1, 2, 3]), /not a tar archive/, /parts/],
    ["a middle part", bundle.subarray(700), /not a tar archive/, /join all parts/],
    [
      "docker save",
      rawTar([{ name: `${"a".repeat(64)}/`, header: (block) => block.write("5", 156) }]),
      /docker save/,
      /dcos-registry build/,
    ],
    ["an old docker save", rawTar([{ name: "repositories", body: "{}" }]), /docker save/, /build/],
    [
      "another OCI layout",
      rawTar([{ name: "blobs/", header: (block) => block.write("5", 156) }]),
      /"blobs\/" \(directory\)/,
      /skopeo/,
    ],
  ];
  for (const [what, bytes, message, hint] of cases) {
    it(what, async () => {
      const error = await refusal(bytes);
      assert.match(error.message, message);
      assert.match(error.hint ?? "", hint);
    });
  }

  const zipEntry = (name: string, text: string, deflate: boolean) => {
    const body = deflate ? deflateRawSync(text) : Buffer.from(text);
    const header = Buffer.alloc(30);
    header.writeUInt32BE(0x504b0304, 0);
    header.writeUInt16LE(deflate ? 8 : 0, 8);
    header.writeUInt32LE(body.length, 18);
    header.writeUInt32LE(text.length, 22);
    header.writeUInt16LE(name.length, 26);
    return Buffer.concat([header, Buffer.from(name), body]);
  };

  for (const deflate of [true, false]) {
    it(`the experimental zip, ${deflate ? "deflated" : "stored"}`, async () => {
      const zip = Buffer.concat([
        zipEntry("metadata.json", '{"name":"x"}'.repeat(100), deflate),
        zipEntry("manifest.json", '{"built-by": "dcoscli.version=0.5.7"}', deflate),
      ]);
      const error = await refusal(zip);
      assert.equal(error.message, 'built by "dcoscli.version=0.5.7": this format has no assets');
      assert.equal(error.hint, "rebuild with: dcos registry build");
    });
  }

  it("any other zip, and broken ones", async () => {
    assert.match((await refusal(zipEntry("x", "y", true))).message, /zip archive/);
    assert.match((await refusal(zipEntry("x", "y", true).subarray(0, 20))).message, /zip archive/);
    const broken = zipEntry("metadata.json", "broken", false);
    broken.writeUInt16LE(8, 8);
    assert.match((await refusal(broken)).message, /built by dcos experimental/);
  });
});

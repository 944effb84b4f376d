/** Hostile bodies: JSON, manifests, forms and tar files, malformed or nearly valid. */
import { readTar, type TarEntry, writeTar } from "../../fixtures/tar-editor.ts";
import type { Random } from "../../random.ts";

const oddValues: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 60,
    1e308,
    "",
    "x",
    "..",
    "../../etc/passwd",
    "\u0000",
    "\ud800",
  ],
  ...["sha256:", `sha256:${"0".repeat(64)}`, `sha256:${"A".repeat(64)}`, [], {}, [[]], [null], {}],
  ...["x".repeat(5000), Array.from({ length: 500 }, () => 0), { __proto__: null, constructor: 1 }],
];

const brokenJson: readonly string[] = [
  ...[
    "",
    " ",
    "null",
    "[]",
    "0",
    '"x"',
    "{",
    "}",
    "{]",
    '{"a":}',
    "{'a':1}",
    '{"a":1,}',
    "{}{}",
    "\ufeff{}",
  ],
  ...[
    '{"packageName":"a","packageName":"b"}',
    '{"__proto__":{"x":1}}',
    '{"a":1e99999}',
    '{"a":"\\ud800"}',
  ],
  ...[
    '{"packageName":null}',
    '{"packageName":[]}',
    '{"packageName":"\\u0000","packageVersion":"\\u0000"}',
  ],
  ...[
    `${"[".repeat(20_000)}`,
    `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
    `{"a":"${"x".repeat(70_000)}"}`,
  ],
  ...[
    '{"constructor":{"prototype":{}}}',
    '{"root":"sha256:../.."}',
    "//x\n{}",
    "NaN",
    '{"a":"\u0001"}',
  ],
];

export function oddJson(random: Random, base: object): Buffer {
  const form = random.integer(0, 9);
  if (form < 3) return Buffer.from(random.pick(brokenJson));
  const document = structuredClone(base);
  for (let count = random.integer(0, 3); count > 0; count -= 1) changeValue(document, random);
  const bytes = Buffer.from(JSON.stringify(document));
  return form === 9 ? flipped(bytes, random) : bytes;
}

/** One value replaced, removed or doubled, at any depth. */
function changeValue(document: unknown, random: Random): void {
  if (typeof document !== "object" || document === null) return;
  const entries = Object.entries(document);
  const [key, value] = entries.length ? random.pick(entries) : ["x", null];
  const deeper = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (deeper && random.integer(0, 3) > 0) changeValue(value, random);
  else if (random.integer(0, 4) === 0) Reflect.deleteProperty(document, key);
  else if (Array.isArray(document) && random.integer(0, 2) === 0)
    document.push(structuredClone(value));
  else Reflect.set(document, key, structuredClone(random.pick(oddValues)));
}

/** Some bytes changed, cut off, doubled or put in. */
export function flipped(bytes: Buffer, random: Random): Buffer {
  if (bytes.byteLength === 0) return bytes;
  const changed = Buffer.from(bytes);
  const at = random.integer(0, changed.byteLength - 1);
  switch (random.integer(0, 3)) {
    case 0:
      return changed.subarray(0, at);
    case 1:
      return Buffer.concat([changed.subarray(0, at), changed]);
    case 2:
      return Buffer.concat([changed.subarray(0, at), noise(random), changed.subarray(at)]);
    default:
      for (let count = random.integer(1, 8); count > 0; count -= 1) {
        changed[random.integer(0, changed.byteLength - 1)] = random.integer(0, 255);
      }
      return changed;
  }
}

export function noise(random: Random, longest = 600): Buffer {
  const bytes = Buffer.alloc(random.integer(0, longest));
  for (let at = 0; at < bytes.byteLength; at += 1) bytes[at] = random.integer(0, 255);
  return bytes;
}

const hostileNames: readonly string[] = [
  ...[
    "../../escaped",
    "/etc/passwd",
    "blobs/../../escaped",
    "blobs/sha256/..",
    "blobs/sha256/x",
    ".",
  ],
  ...[
    "",
    "./index.json",
    "index.json/",
    "blobs\\sha256",
    "oci-layout\0x",
    "a".repeat(100),
    "\u0000",
  ],
  ...[
    "blobs/sha512/x",
    "blobs/sha256/",
    "INDEX.JSON",
    "manifest.json/../index.json",
    "~root/.ssh/x",
  ],
];

const types = ["0", "1", "2", "3", "4", "5", "6", "7", "x", "g", "L", "K", "S", "\0", "A"];

/** @param bundle a good one */
export function oddTar(random: Random, bundle: Buffer): Buffer {
  const form = random.integer(0, 9);
  if (form < 4) return flipped(bundle, random);
  if (form === 4) return noise(random, 3000);
  if (form === 5) return Buffer.alloc(random.integer(0, 4) * 512);
  const entries = readTar(bundle);
  for (let count = random.integer(1, 3); count > 0; count -= 1) changeEntries(entries, random);
  const bytes = writeTar(entries);
  return form === 9 ? flipped(bytes, random) : bytes;
}

function changeEntries(entries: TarEntry[], random: Random): void {
  const at = random.integer(0, entries.length - 1);
  const entry = entries[at];
  if (entry === undefined) return;
  const replace = (change: Partial<TarEntry>) => entries.splice(at, 1, { ...entry, ...change });
  switch (random.integer(0, 7)) {
    case 0:
      return void replace({ name: random.pick(hostileNames) });
    case 1:
      return void replace({ type: random.pick(types), linkName: random.pick(hostileNames) });
    case 2:
      return void replace({ size: random.pick([0, 1, 511, 513, 2 ** 33, 2 ** 40, 8 ** 11 - 1]) });
    case 3:
      return void replace({ content: flipped(entry.content, random) });
    case 4:
      return void entries.splice(at, 1);
    case 5:
      return void entries.push(entry);
    case 6:
      return void entries.unshift(...entries.splice(at, 1));
    default:
      return void replace({ content: oddJson(random, documentOf(entry.content)) });
  }
}

function documentOf(content: Buffer): object {
  try {
    return Object(JSON.parse(content.toString())) as object;
  } catch {
    return { schemaVersion: 2 };
  }
}

const formTexts: readonly string[] = [
  ...[
    "",
    "&",
    "=",
    "grant_type=password",
    "grant_type=password&username=&password=",
    "%",
    "a=%zz&b",
  ],
  ...[
    "grant_type=refresh_token&refresh_token=x",
    "grant_type=password&grant_type=x",
    "\u00ff=\u00fe",
  ],
  ...[
    `grant_type=password&username=${"u".repeat(60_000)}`,
    `${"a=b&".repeat(10_000)}`,
    `${"x".repeat(70_000)}`,
  ],
  ...[
    "grant_type=password&username=a&password=b&scope=repository:a:push",
    "grant_type=password&scope=%00",
  ],
];

export function oddForm(random: Random): Buffer {
  return Buffer.from(random.pick(formTexts), "latin1");
}

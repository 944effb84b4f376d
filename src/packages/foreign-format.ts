/**
 * Says what a file is that is not a `.dcos` bundle, by its content, and what its owner should do.
 *
 * People hand over what they have: a page that a proxy answered, a compressed copy, an image archive.
 */
import { inflateRawSync } from "node:zlib";
import { BundleInvalid } from "./bundle-error.ts";
import { dockerFile, indexFile, layoutFile } from "./bundle-layout.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./quote.ts";
import type { TarHeader } from "./tar-header.ts";

const zipStart = Buffer.from("PK\x03\x04");
const rebuild = "build the package with: dcos-registry build";

interface Signature {
  readonly starts: Buffer | RegExp;
  readonly what: string;
  readonly hint: string;
}

const signatures: readonly Signature[] = [
  {
    starts: Buffer.from([0x1f, 0x8b]),
    what: "it is compressed with gzip",
    hint: "a bundle is not compressed; unpack it first: gunzip",
  },
  {
    starts: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    what: "it is compressed with zstd",
    hint: "a bundle is not compressed; unpack it first: zstd -d",
  },
  {
    starts: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
    what: "it is compressed with xz",
    hint: "a bundle is not compressed; unpack it first: unxz",
  },
  {
    starts: /^BZh[1-9]/,
    what: "it is compressed with bzip2",
    hint: "a bundle is not compressed; unpack it first: bunzip2",
  },
  {
    starts: /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|\?xml)/i,
    what: "it is an HTML page",
    hint: "a proxy or a login page probably answered the download; fetch the bundle again",
  },
  {
    starts: /^(?:\xef\xbb\xbf)?\s*\{/,
    what: "it is a JSON document",
    hint: "a build definition becomes a bundle with: dcos-registry build",
  },
];

/** @param head the first block of the file, or all of it when it is shorter */
export async function explainForeignFile(head: Buffer, more: ByteSource): Promise<BundleInvalid> {
  if (head.byteLength === 0) return notBundle("the file is empty", "copy or build it again");
  if (begins(head, zipStart)) return explainZip(await collect(head, more));
  const known = signatures.find(({ starts }) => begins(head, starts));
  if (known) return notBundle(known.what, known.hint);
  return notBundle(
    "it is not a tar archive",
    "if this is one part of a split bundle (.002 …), join all parts in order first",
  );
}

/** An archive holds something that no bundle holds. */
export function explainForeignEntry({ name, type }: TarHeader, layoutSeen: boolean): BundleInvalid {
  if (!layoutSeen && /^(?:repositories$|[0-9a-f]{64}(?:\.json$|\/))/.test(name))
    return dockerSave();
  const kind = kinds[type] ?? "special file";
  const what = type === "0" ? quote(name) : `${quote(name)} (${kind})`;
  return new BundleInvalid(`bundle holds an unexpected entry: ${what}`, {
    hint: `archives of docker save, skopeo and tar hold more than a bundle may; ${rebuild}`,
  });
}

const kinds: Readonly<Record<string, string>> = {
  "0": "file",
  "1": "hard link",
  "2": "symbolic link",
  "3": "character device",
  "4": "block device",
  "5": "directory",
  "6": "fifo",
  "7": "contiguous file",
  g: "global extension",
  K: "long link name",
  L: "long name",
  S: "sparse file",
};

/** @param documents names of the documents that the archive has */
export function explainForeignLayout(documents: readonly string[]): BundleInvalid {
  if (documents.includes(indexFile)) {
    return notBundle("it is an OCI image layout without a DC/OS package", rebuild);
  }
  if (documents.includes(dockerFile)) return dockerSave();
  return notBundle(`no ${documents.includes(layoutFile) ? indexFile : layoutFile}`, rebuild);
}

function dockerSave(): BundleInvalid {
  return notBundle("it is an archive of docker save, which holds images but no package", rebuild);
}

function notBundle(what: string, hint: string): BundleInvalid {
  return new BundleInvalid(`not a .dcos bundle (${what})`, { hint });
}

function begins(head: Buffer, starts: Buffer | RegExp): boolean {
  if (starts instanceof RegExp) return starts.test(head.toString("latin1"));
  return head.subarray(0, starts.byteLength).equals(starts);
}

/** What is looked at of a zip, in bytes; its two documents come first and are small. */
const zipWindow = 1024 * 1024;

async function collect(head: Buffer, more: ByteSource): Promise<Buffer> {
  return Buffer.concat([head, await more.take(zipWindow)]);
}

/** `dcos experimental package build` wrote zips of `metadata.json` and `manifest.json`. */
function explainZip(head: Buffer): BundleInvalid {
  const files = zipEntries(head);
  if (!files.has("metadata.json")) return notBundle("it is a zip archive", rebuild);
  const version = /"built-by"\s*:\s*("[\w.= -]{1,80}")/.exec(files.get("manifest.json") ?? "")?.[1];
  const builder = version ?? "dcos experimental package build";
  return new BundleInvalid(`built by ${builder}: this format has no assets`, {
    hint: "rebuild with: dcos registry build",
  });
}

/** The first entries of a zip with their text; stops at the first thing it does not understand. */
function zipEntries(zip: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at + 30 <= zip.byteLength && zip.readUInt32BE(at) === 0x504b0304; ) {
    const name = at + 30;
    const data = name + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28);
    const size = zip.readUInt32LE(at + 18);
    const text = name + zip.readUInt16LE(at + 26);
    const deflated = zip.readUInt16LE(at + 8) === 8;
    found.set(zip.toString("latin1", name, text), unzip(zip.subarray(data, data + size), deflated));
    at = data + size;
    if (size === 0 || found.size > 8) break;
  }
  return found;
}

function unzip(data: Buffer, deflated: boolean): string {
  try {
    const bytes = deflated ? inflateRawSync(data, { maxOutputLength: zipWindow }) : data;
    return bytes.toString("utf8");
  } catch {
    return ""; // cut off or too large: the name alone says enough
  }
}

/**
 * Loads of large blobs, by processes of curl: pulls into nowhere, and pushes of bytes that are new.
 *
 * Each client is a process of its own with a connection of its own, as agents are.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { output } from "../fixtures/program.ts";
import type { Contender } from "./contenders.ts";
import type { Done } from "./turns.ts";

const mebibyte = 1024 * 1024;

/** @param size bytes that an answer must have @param each pulls of each client, one after the other */
export async function curlGet(
  { url, ca }: Pick<Contender, "url" | "ca">,
  target: string,
  { clients, each, size }: { clients: number; each: number; size: number },
): Promise<Done> {
  const pulls = Array.from({ length: each }, () => ["-o", "/dev/null", url + target]).flat();
  const told = ["-w", "%{http_code} %{size_download}\n"];
  const start = performance.now();
  const texts = await Promise.all(
    Array.from({ length: clients }, () =>
      output("curl", ["-s", "--cacert", ca, ...told, ...pulls]),
    ),
  );
  const seconds = (performance.now() - start) / 1000;
  for (const line of texts.flatMap((text) => text.split("\n"))) {
    if (line !== `200 ${size}`) throw new Error(`curl: ${line}, wanted is 200 ${size}`);
  }
  return { units: (clients * each * size) / mebibyte, seconds };
}

/** @returns the body of an answer that must be good */
export function curlText(
  { url, ca }: Pick<Contender, "url" | "ca">,
  target: string,
  headers: readonly string[] = [],
): Promise<string> {
  const said = headers.flatMap((header) => ["-H", header]);
  return output("curl", ["-sf", "--cacert", ca, ...said, url + target]);
}

/** A file that is pushed again and again, with other bytes each time. */
export class PushedFile {
  readonly file: string;
  readonly size: number;
  #digest = "";

  private constructor(file: string, size: number) {
    this.file = file;
    this.size = size;
  }

  static async create(directory: string, name: string, mebibytes: number): Promise<PushedFile> {
    const made = new PushedFile(path.join(directory, name), mebibytes * mebibyte);
    const file = await open(made.file, "w");
    const piece = randomBytes(mebibyte);
    for (let written = 0; written < mebibytes; written += 1) {
      piece.writeUInt32BE(written);
      await file.write(piece);
    }
    await file.close();
    await made.renew();
    return made;
  }

  get digest(): string {
    return this.#digest;
  }

  /** Nobody has seen its bytes after that. */
  async renew(): Promise<void> {
    const file = await open(this.file, "r+");
    await file.write(randomBytes(32), 0, 32, 0);
    await file.close();
    const hash = createHash("sha256");
    for await (const piece of createReadStream(this.file, { highWaterMark: mebibyte })) {
      hash.update(piece as Buffer);
    }
    this.#digest = `sha256:${hash.digest("hex")}`;
  }
}

/** `put`: the bytes in the closing request, as containerd pushes. `patch`: before it, as dockerd does. */
export type PushForm = "put" | "patch";

/** One client for each file. */
export async function curlPush(
  to: Contender,
  files: readonly PushedFile[],
  form: PushForm,
): Promise<Done> {
  const start = performance.now();
  await Promise.all(files.map((file) => push(to, file, form)));
  const seconds = (performance.now() - start) / 1000;
  return { units: files.reduce((sum, { size }) => sum + size, 0) / mebibyte, seconds };
}

async function push(to: Contender, { file, digest }: PushedFile, form: PushForm): Promise<void> {
  const begun = await ask(to, 202, ["-X", "POST", `${to.url}/v2/bench/large/blobs/uploads/`]);
  if (form === "put") {
    await ask(to, 201, ["-T", file, closing(begun, digest)]);
    return;
  }
  const chunked = ["-X", "PATCH", "-H", "Transfer-Encoding: chunked", "-T", file];
  const sent = await ask(to, 202, [...chunked, begun.href]);
  await ask(to, 201, ["-X", "PUT", "-H", "Content-Length: 0", closing(sent, digest)]);
}

function closing(location: URL, digest: string): string {
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  return target.href;
}

/** @returns where the answer points to */
async function ask({ ca, url }: Contender, status: number, args: readonly string[]): Promise<URL> {
  const text = await output("curl", ["-s", "-D", "-", "--cacert", ca, ...args]);
  // What went before an answer, "100 Continue", has a status line of its own.
  const [, found = ""] = /^.*^HTTP\/\S+ (\d+)/ms.exec(text) ?? [];
  if (Number(found) !== status) throw new Error(`curl ${args.join(" ")}: ${text}`);
  const [, location = ""] = /^location: (\S+)/im.exec(text) ?? [];
  return new URL(location, url);
}

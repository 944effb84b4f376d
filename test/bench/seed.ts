/** What is pulled in the benchmark: the same small image and the same large blob in both servers. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import type { Contender, Contenders } from "./contenders.ts";
import { curlPush, type PushedFile } from "./curl.ts";

export const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

export interface Seeded {
  /** Path of a manifest by tag. */
  readonly manifest: string;
  /** Path of a blob of 16 KiB. */
  readonly small: string;
  readonly large: string;
  readonly largeSize: number;
}

export async function seed({ ours, theirs }: Contenders, file: PushedFile): Promise<Seeded> {
  const layer = randomBytes(16 * 1024);
  for (const contender of [ours, theirs]) {
    await pushImage(contender, layer);
    await curlPush(contender, [file], "put");
  }
  return seededPaths(layer, file);
}

/** @param layer of the small image @param file that was pushed */
export function seededPaths(layer: Buffer, file: PushedFile): Seeded {
  return {
    manifest: "/v2/bench/image/manifests/1",
    small: `/v2/bench/image/blobs/${digestOf(layer)}`,
    // Where it was pushed to: docker-registry shows a blob there only.
    large: `/v2/bench/large/blobs/${file.digest}`,
    largeSize: file.size,
  };
}

/** A small image by the tag `1` of `bench/image`. */
export async function pushImage({ url, ca }: Contender, layer: Buffer): Promise<void> {
  const dispatcher = new Agent({ connect: { ca: await readFile(ca, "utf8") } });
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}');
  const part = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    size: bytes.length,
    digest: digestOf(bytes),
  });
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: part("application/vnd.docker.container.image.v1+json", config),
    layers: [part("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
  });
  for (const bytes of [layer, config]) await push(dispatcher, url, bytes);
  const headers = { "content-type": manifestType };
  const put = { method: "PUT", dispatcher, headers, body } as const;
  await expect(201, await request(`${url}/v2/bench/image/manifests/1`, put));
  await dispatcher.close();
}

async function push(dispatcher: Agent, url: string, bytes: Buffer): Promise<void> {
  const start = `${url}/v2/bench/image/blobs/uploads/`;
  const { headers } = await expect(202, await request(start, { method: "POST", dispatcher }));
  const location = new URL(String(headers["location"]), url);
  location.searchParams.set("digest", digestOf(bytes));
  await expect(201, await request(location, { method: "PUT", dispatcher, body: bytes }));
}

async function expect<T extends { statusCode: number; body: { text(): Promise<string> } }>(
  status: number,
  answer: T,
): Promise<T> {
  const text = await answer.body.text();
  if (answer.statusCode !== status) throw new Error(`${answer.statusCode}: ${text}`);
  return answer;
}

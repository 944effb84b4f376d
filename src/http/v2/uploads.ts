/** Pushing blobs: sessions, chunks, monolithic, mount (distribution-spec 1.1, end-4 to end-6, end-11). */
import { type Digest, type DigestAlgorithm, isDigest, parseDigest } from "../../oci/digest.ts";
import { DigestInvalid } from "../../oci/registry-error.ts";
import { RangeUnsatisfiable, UploadInvalid } from "../../registry/registry-errors.ts";
import type { Chunk } from "../../registry/upload-segments.ts";
import { bodyOf } from "../read-limited.ts";
import { answer, type Exchange } from "./exchange.ts";

/**
 * Smaller chunks are taken too, but each costs a durable write, and many of them are written again.
 */
const recommendedChunkBytes = 8 * 1024 * 1024;

/** POST: a mount if the content is here, the whole blob if a digest is given, else a session. */
export async function startUpload(exchange: Exchange): Promise<void> {
  const { registry, request, repository, query } = exchange;
  const mount = query.get("mount");
  if (mount && isDigest(mount) && (await registry.blobs.exists(mount))) {
    return created(exchange, mount);
  }
  const digest = query.get("digest");
  if (digest !== null && mount === null) {
    const expected = parseDigest(digest);
    await registry.blobs.push(expected, bodyOf(request));
    return created(exchange, expected);
  }
  request.resume();
  const algorithm = parseAlgorithm(query.get("digest-algorithm"));
  const id = await registry.uploads.start(repository, algorithm);
  answer(exchange, 202, {
    ...uploadHeaders(exchange, id, 0),
    "OCI-Chunk-Min-Length": recommendedChunkBytes,
  });
}

export async function appendChunk(exchange: Exchange, id: string): Promise<void> {
  const { registry, repository } = exchange;
  const offset = await registry.uploads
    .append(repository, id, chunkOf(exchange))
    .catch((error: unknown) => explainRange(exchange, id, error));
  progress(exchange, 202, id, offset);
}

/** PUT: the closing request, with the last bytes, all bytes, or none. */
export async function finishUpload(exchange: Exchange, id: string): Promise<void> {
  const { registry, repository, query } = exchange;
  const text = query.get("digest");
  if (text === null) throw new DigestInvalid("(the digest parameter is missing)");
  const digest = parseDigest(text);
  await registry.uploads
    .finish(repository, id, digest, chunkOf(exchange))
    .catch((error: unknown) => explainRange(exchange, id, error));
  await created(exchange, digest);
}

export async function uploadStatus(exchange: Exchange, id: string): Promise<void> {
  const offset = await exchange.registry.uploads.offset(exchange.repository, id);
  progress(exchange, 204, id, offset);
}

export async function cancelUpload(exchange: Exchange, id: string): Promise<void> {
  await exchange.registry.uploads.cancel(exchange.repository, id);
  answer(exchange, 204);
}

async function created(exchange: Exchange, digest: Digest): Promise<void> {
  const { registry, repository } = exchange;
  await registry.hidden.reveal(repository, new Set([digest]));
  answer(exchange, 201, {
    Location: `/v2/${repository}/blobs/${digest}`,
    "Docker-Content-Digest": digest,
  });
}

/** Before the first byte the range is `0-0`, as Docker distribution says it. */
function progress(exchange: Exchange, status: number, id: string, offset: number): void {
  answer(exchange, status, uploadHeaders(exchange, id, offset));
}

function uploadHeaders({ repository }: Exchange, id: string, offset: number) {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(offset - 1, 0)}`,
    "Docker-Upload-UUID": id,
  };
}

/** A refused chunk leaves the session alive and tells where it stands. */
function explainRange(exchange: Exchange, id: string, error: unknown): never {
  if (error instanceof RangeUnsatisfiable) {
    const headers = uploadHeaders(exchange, id, error.offset);
    for (const [name, value] of Object.entries(headers)) exchange.response.setHeader(name, value);
  }
  throw error;
}

function chunkOf({ request }: Exchange): Chunk {
  const header = request.headers["content-range"];
  const length = request.headers["content-length"];
  if (header === undefined) {
    return { body: bodyOf(request), ...(length !== undefined && { length: Number(length) }) };
  }
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first)) {
    throw new UploadInvalid("Content-Range of a chunk is <first byte>-<last byte>", { header });
  }
  const announced = Number(last) - Number(first) + 1;
  if (length !== undefined && Number(length) !== announced) {
    throw new UploadInvalid("Content-Range and Content-Length differ", { header, length });
  }
  return { body: bodyOf(request), start: Number(first), length: announced };
}

function parseAlgorithm(text: string | null): DigestAlgorithm {
  if (text === null || text === "sha256" || text === "sha512") return text ?? "sha256";
  throw new DigestInvalid(text);
}

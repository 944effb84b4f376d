/**
 * Good content in the registry under fuzz, and what a request needs to come close to it.
 *
 * Requests may name it, read it, and try to change it in repositories of their own; the repository
 * and the package called `kept` are written once here and have to be the same afterwards.
 */
import { createHash } from "node:crypto";
import { fixedBody } from "../../fixtures/body.ts";
import { bundleBytes, makeBundle } from "../../fixtures/bundle.ts";
import {
  config,
  configBytes,
  imageIndex,
  imageManifest,
  layer,
  layerBytes,
} from "../v2/content.ts";
import type { WireAnswer, WireRequest } from "./wire.ts";

export type Ask = (request: WireRequest) => Promise<WireAnswer>;

export interface World {
  /** `Host`, and what proves that the sender may write. */
  readonly usual: readonly (readonly [string, string])[];
  /** Repositories that requests may write to. */
  readonly repositories: readonly string[];
  readonly manifests: readonly string[];
  readonly blobs: readonly string[];
  readonly tags: readonly string[];
  /** Below `/resources`. */
  readonly asset: string;
  readonly root: string;
  /** A good bundle of another package. */
  readonly bundle: Buffer;
  readonly image: { readonly type: string; readonly bytes: Buffer };
  readonly index: { readonly type: string; readonly bytes: Buffer };
  /** Paths of upload sessions, renewed while requests run. */
  readonly sessions: string[];
  /** Answers that have to stay the same, by path. */
  readonly kept: ReadonlyMap<string, string>;
}

const repositories = ["fuzz/a", "fuzz/b", "fuzz/c-d/e__f"];

/** @param usual headers that every request has */
export async function buildWorld(ask: Ask, usual: World["usual"]): Promise<World> {
  const must = async (
    request: Omit<WireRequest, "headers">,
    type?: string,
  ): Promise<WireAnswer> => {
    const headers = type ? [...usual, ["Content-Type", type] as const] : usual;
    const answer = await ask({ ...request, headers });
    if (answer.status >= 300) throw new Error(`${request.target}: ${answer.status} ${answer.body}`);
    return answer;
  };
  const image = imageManifest();
  const index = imageIndex([image.descriptor]);
  for (const name of ["kept/image", ...repositories]) {
    for (const [{ digest }, body] of [
      [config, configBytes],
      [layer, layerBytes],
    ] as const) {
      await must({ method: "POST", target: `/v2/${name}/blobs/uploads/?digest=${digest}`, body });
    }
    for (const [tag, { type, bytes }] of [
      ["v1", image],
      ["all", index],
    ] as const) {
      await must({ method: "PUT", target: `/v2/${name}/manifests/${tag}`, body: bytes }, type);
    }
  }
  const keptBundle = await makeBundle({ name: "kept" });
  const body = await bundleBytes(keptBundle);
  await must({ method: "POST", target: "/package/add", body }, "application/x-tar");
  const asset = createHash("sha256").update("content of the asset\n").digest("hex");
  const kept = new Map<string, string>();
  for (const target of keptPaths(asset)) {
    kept.set(target, fingerprint(await must({ method: "GET", target })));
  }
  return {
    usual,
    repositories,
    manifests: [image.digest, index.digest],
    blobs: [config.digest, layer.digest],
    tags: ["v1", "all", "latest"],
    asset: `${asset}/file.txt`,
    root: keptBundle.root,
    bundle: await bundleBytes(
      await makeBundle({ name: "fuzzed", assets: { "file.txt": fixedBody("another asset\n") } }),
    ),
    image: { type: image.type, bytes: image.bytes },
    index: { type: index.type, bytes: index.bytes },
    sessions: [],
    kept,
  };
}

function keptPaths(asset: string): string[] {
  return [
    ...["manifests/v1", "manifests/all", `blobs/${config.digest}`, `blobs/${layer.digest}`].map(
      (path) => `/v2/kept/image/${path}`,
    ),
    "/v2/kept/image/tags/list",
    `/resources/${asset}/file.txt`,
    "/repo/kept",
  ];
}

/** Of an answer to a read: what may never change. */
export function fingerprint({ status, headers, body }: WireAnswer): string {
  const digest = createHash("sha256").update(body).digest("hex");
  return [status, headers.get("content-type"), headers.get("etag"), digest].join(" ");
}

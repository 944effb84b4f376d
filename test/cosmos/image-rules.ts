/** Rule M7: every image is there under the very name that agents will pull. */
import type { Json } from "../../src/cosmos/decoding-rules.ts";
import { imageUses } from "../../src/cosmos/references.ts";
import type { Violations } from "../../src/cosmos/violation.ts";
import { type Network, open } from "./java-fetch.ts";

export async function checkImages(
  packages: readonly Json[],
  scheme: string,
  network: Network,
  violations: Violations,
): Promise<void> {
  const asked = new Map<string, Promise<string>>();
  for (const { packageName, pointer, image } of imageUses(packages)) {
    const answer = asked.get(image) ?? headManifest(image, scheme, network);
    asked.set(image, answer);
    const status = await answer;
    const place = violations.at(` ${packageName} ${pointer} `);
    place.expect(status === "200", "M7", `${image}: ${status}`);
  }
}

const reference = /^([^/]+)\/([^@]+?)(?:@(.+)|:([^:/@]+))$/;

async function headManifest(image: string, scheme: string, network: Network): Promise<string> {
  const [, host = "", name = "", digest, tag] = reference.exec(image) ?? [];
  if (name === "") return "not a full reference";
  const url = `${scheme}://${host}/v2/${name}/manifests/${digest ?? tag}`;
  if (!URL.canParse(url)) return `not a URL: ${url}`;
  const types = ["manifest.v2", "manifest.list.v2"].map(
    (kind) => `application/vnd.docker.distribution.${kind}+json`,
  );
  const oci = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);
  const headers: [string, string][] = [
    ["Host", host],
    ["Accept", [...types, ...oci].join(", ")],
  ];
  try {
    const answer = await open(new URL(url), headers, network, "HEAD");
    answer.resume();
    return String(answer.statusCode);
  } catch (error) {
    return String(error);
  }
}

/** What is in an image, as a CycloneDX 1.5 document; without times, so that it is reproducible. */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import type { NpmPackage } from "./production-packages.ts";

export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** @param libraries absolute names of shared libraries */
export function billOfMaterials(
  product: Product,
  packages: readonly NpmPackage[],
  libraries: readonly string[],
): string {
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "application", ...component(product) } },
    components: [
      {
        type: "platform",
        ...component({ name: "node", version: process.version.slice(1), license: "MIT" }),
        purl: `pkg:generic/node@${process.version.slice(1)}`,
      },
      ...libraries.map((library) => ({
        type: "library",
        name: path.basename(library),
        hashes: [{ alg: "SHA-256", content: sha256Of(library) }],
      })),
      ...packages.map((each) => ({
        type: "library",
        ...component(each),
        purl: `pkg:npm/${each.name.replace("@", "%40")}@${each.version}`,
      })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function component({ name, version, license }: Product) {
  return { name, version, ...(license !== "" && { licenses: [{ expression: license }] }) };
}

function sha256Of(file: string): string {
  return createHash("sha256")
    .update(readFileSync(realpathSync(file)))
    .digest("hex");
}

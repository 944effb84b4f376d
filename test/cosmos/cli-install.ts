/**
 * `dcos package install --cli` of the Go CLI: describe, download, compare the hash, look inside.
 *
 * Source: dcos-core-cli package_install.go and dcos-cli plugin manager. The stated kind is not looked
 * at; the content decides.
 */
import { createHash } from "node:crypto";
import { isObject, isText, type Json } from "../../src/cosmos/decoding-rules.ts";
import { zipEntries } from "./zip-entries.ts";

export interface InstalledCli {
  /** Below `env/`: the files of the archive, or the one binary. */
  readonly files: readonly string[];
}

/** @throws with the CLI's reason for not installing */
export async function installCli(
  cosmosUrl: string,
  packageName: string,
  platform: "darwin" | "linux" | "windows",
): Promise<InstalledCli> {
  const binary = await describeBinary(cosmosUrl, packageName, platform);
  const response = await fetch(String(binary["url"]));
  if (response.status >= 400) throw new Error(`HTTP ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  checkHash(binary["contentHash"], bytes);
  if (bytes.subarray(0, 4).toString("latin1") !== "PK\x03\x04") {
    return { files: [`bin/dcos-${packageName}`] };
  }
  const files = zipEntries(bytes).map(({ name }) => name);
  if (files.some((name) => name === "plugin.toml" || /^bin\/dcos-/.test(name))) return { files };
  throw new Error(`${packageName} has no commands`);
}

async function describeBinary(
  cosmosUrl: string,
  packageName: string,
  platform: string,
): Promise<Json> {
  const response = await fetch(`${cosmosUrl}/package/describe`, {
    method: "POST",
    body: JSON.stringify({ packageName }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(String(isObject(answer) && answer["message"]));
  const found = ["package", "resource", "cli", "binaries", platform, "x86-64"].reduce<unknown>(
    (value, key) => (isObject(value) ? value[key] : undefined),
    answer,
  );
  if (!isObject(found) || !isText(found["url"]) || found["url"] === "") {
    throw new Error(`'${packageName}' isn't available for '${platform}'`);
  }
  return found;
}

/** Text against text: upper case hexadecimal does not match. */
function checkHash(hashes: unknown, bytes: Buffer): void {
  const stated = Array.isArray(hashes) ? hashes.filter(isObject) : [];
  const last = stated.findLast(({ algo }) => algo === "sha256");
  if (last === undefined) return;
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (last["value"] !== actual) throw new Error(`content hash mismatch: ${actual}`);
}

/** One thing that keeps programs of an agent from trusting the registry, and certificates compared for it. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface TrustFinding {
  /** Absolute, on the agent. */
  readonly place: string;
  readonly problem: string;
  readonly hint: string;
  /** True where pulling works all the same, such as for a directory that nobody reads. */
  readonly harmless?: true;
}

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** @returns what tells certificates apart; none for a file that cannot be read or holds none */
export async function fingerprintsIn(file: string): Promise<ReadonlySet<string>> {
  const text = await readFile(file, "latin1").catch(() => "");
  return new Set((text.match(certificate) ?? []).map(fingerprint));
}

/** @returns empty for text that is no certificate */
export function fingerprint(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return "";
  }
}

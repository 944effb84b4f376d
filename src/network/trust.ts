/**
 * Whom outgoing TLS connections trust: the roots of Node and of this system, and the user's own.
 *
 * Made once a run: parsing a few hundred certificates for every connection would be felt.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { fileProblem } from "./file-problem.ts";
import { CaFileUnreadable } from "./network-error.ts";

/** Where systems keep the roots that their administrator chose. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export interface TrustOptions {
  /** PEM file of further roots, as the user typed it. */
  readonly caFile?: string | undefined;
  /** Files that may be there; the first that holds certificates counts. */
  readonly optionalFiles?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

/** @throws {CaFileUnreadable} when the user's file cannot be read or holds no certificate */
export async function loadTrust(options: TrustOptions): Promise<SecureContext> {
  const { caFile, optionalFiles = [], environment, workingDirectory } = options;
  const { SSL_CERT_FILE: chosen, NODE_EXTRA_CA_CERTS: extra } = environment;
  const files = [...(chosen ? [chosen] : systemBundles), ...(extra ? [extra] : [])];
  const found = await Promise.all(files.map(readOptional));
  const own = caFile === undefined ? [] : await readCaFile(caFile, workingDirectory);
  const optional = (await Promise.all(optionalFiles.map(readOptional))).find(
    (certificates) => certificates.length > 0,
  );
  const all = [...rootCertificates, ...found.flat(), ...own, ...(optional ?? [])];
  return createSecureContext({ ca: distinct(all) });
}

/** Node and the system share most roots, wrapped differently; each costs time to load. */
function distinct(certificates: readonly string[]): string[] {
  const byContent = certificates.map((pem) => [pem.replaceAll(/\s+/g, ""), pem] as const);
  return [...new Map(byContent).values()];
}

async function readOptional(file: string): Promise<string[]> {
  const text = await readFile(file, "latin1").catch(() => "");
  return text.match(certificate) ?? [];
}

/**
 * @param file as the user typed it
 * @returns its certificates, PEM
 * @throws {CaFileUnreadable} when it cannot be read or holds no certificate
 */
export async function readCaFile(file: string, workingDirectory: string): Promise<string[]> {
  const text = await readFile(path.resolve(workingDirectory, file), "latin1").catch((cause) => {
    throw new CaFileUnreadable(`cannot read the CA file: ${fileProblem(cause)}`, {
      where: file,
      cause,
    });
  });
  const found = text.match(certificate) ?? [];
  if (found.length === 0) {
    const hint = "it must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)";
    throw new CaFileUnreadable("the CA file holds no certificate", { where: file, hint });
  }
  for (const pem of found) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new CaFileUnreadable("the CA file holds a broken certificate", { where: file, cause });
    }
  }
  return found;
}

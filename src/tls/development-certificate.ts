/**
 * A certificate for use without a cluster: a small authority of our own, kept beside the data.
 *
 *     <directory>/ca.crt      what clients and agents are to trust
 *     <directory>/ca.key      0600
 *     <directory>/server.crt
 *     <directory>/server.key  0600
 *
 * Any number of processes may start at once: keys and authority are made with create-if-absent, so
 * all agree on the first, and every server certificate fits the one key, so the last one wins.
 */
import { randomUUID, type X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { createOnce, readIfPresent, replace } from "./atomic-file.ts";
import type { Authority } from "./certificate.ts";
import { CertificateInvalid } from "./certificate-error.ts";
import { canonicalName, certificateNames } from "./certificate-names.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";

/** Names of files. */
export interface DevelopmentCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const dayMs = 24 * 60 * 60_000;
/** A server certificate is replaced when less than this part of its life is left. */
const renewalPart = 1 / 3;
const privateMode = 0o600;
const publicMode = 0o644;

/**
 * Makes what is missing, expired or not good for `names`; leaves everything else as it is. Names of
 * an earlier certificate are kept, so that the script in certs/ can add some.
 *
 * @param names DNS names and IP addresses
 * @throws {CertificateInvalid} when files of the authority do not belong together
 */
export async function ensureDevelopmentCertificate(
  directory: string,
  names: readonly string[],
  now = Date.now(),
): Promise<DevelopmentCertificate> {
  const files = {
    ca: path.join(directory, "ca.crt"),
    cert: path.join(directory, "server.crt"),
    key: path.join(directory, "server.key"),
  };
  const wanted = names.map(canonicalName);
  const { lasting, covered } = await inspect(files, now);
  if (lasting && wanted.every((name) => covered.has(name))) return files;

  // Loaded where something is to be made: it is large, and most starts find all there.
  const { createKey, issueServerCertificate } = await import("./certificate.ts");
  await mkdir(directory, { recursive: true });
  // Two new keys are made at the same time: a first start waits for one of them only.
  const [authority, made] = await Promise.all([
    ensureAuthority(directory, files.ca, now),
    createOnce(files.key, createKey, privateMode),
  ]);
  const key = made.toString();
  const all = [...new Set([...wanted, ...covered])];
  await replace(files.cert, issueServerCertificate(authority, key, all, now), publicMode);
  return files;
}

/** `ensureDevelopmentCertificate` once a day, for servers that run longer than certificates last. */
export function renewDevelopmentCertificate(
  directory: string,
  names: readonly string[],
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): void {
  const renew = () => void ensureDevelopmentCertificate(directory, names).catch(onError);
  const timer = setInterval(renew, dayMs).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

interface Inspection {
  /** Whether key, certificate and authority fit each other and have time left. */
  readonly lasting: boolean;
  readonly covered: ReadonlySet<string>;
}

async function inspect(
  { ca, cert, key }: DevelopmentCertificate,
  now: number,
): Promise<Inspection> {
  const nothing = { lasting: false, covered: new Set<string>() };
  try {
    const [authority] = parseCertificates(ca, await readFile(ca));
    const [server] = parseCertificates(cert, await readFile(cert));
    if (!authority || !server?.verify(authority.publicKey)) return nothing;
    const lasting =
      server.checkPrivateKey(parsePrivateKey(key, await readFile(key))) &&
      Date.parse(authority.validTo) > now &&
      Date.parse(server.validTo) - now > renewalPart * lifeOf(server);
    return { lasting, covered: certificateNames(server) };
  } catch {
    // Missing or damaged: made anew, or explained, by the steps that follow.
    return nothing;
  }
}

function lifeOf({ validFrom, validTo }: X509Certificate): number {
  return Date.parse(validTo) - Date.parse(validFrom);
}

async function ensureAuthority(directory: string, file: string, now: number): Promise<Authority> {
  const { createAuthority, createKey } = await import("./certificate.ts");
  const keyFile = path.join(directory, "ca.key");
  await refuseCertificateWithoutKey(file, keyFile);
  const key = (await createOnce(keyFile, createKey, privateMode)).toString();
  const create = async () => createAuthority(key, authorityName(), now);
  const certificate = (await createOnce(file, create, publicMode)).toString();
  const [parsed] = parseCertificates(file, certificate);
  if (!parsed?.checkPrivateKey(parsePrivateKey(keyFile, key))) {
    throw new CertificateInvalid(file, `does not belong to ${keyFile}; remove both to start anew`);
  }
  if (Date.parse(parsed.validTo) <= now) {
    throw new CertificateInvalid(
      file,
      `has expired; remove it and ${keyFile}, and give agents the new one`,
    );
  }
  return { certificate, key };
}

/** With its key taken away an authority cannot sign, and a new one would be trusted by nobody. */
async function refuseCertificateWithoutKey(file: string, keyFile: string): Promise<void> {
  if ((await readIfPresent(file)) && !(await readIfPresent(keyFile))) {
    throw new CertificateInvalid(file, `cannot sign without ${keyFile}`);
  }
}

const authorityTitle = "DC/OS Package Registry development CA";

/** Two authorities of the same name confuse those who trust both. */
function authorityName(): string {
  return `${authorityTitle} ${randomUUID().slice(0, 8)}`;
}

/** @param issuer of a certificate, as Node prints it */
export function isDevelopmentIssuer(issuer: string): boolean {
  return issuer.startsWith(`CN=${authorityTitle} `);
}

/**
 * What a TLS server shows and how it negotiates: certificate, chain, key, versions and ciphers.
 *
 * Files are checked whole before they are used, so that a server never starts, and never changes
 * over, to a certificate that clients would refuse.
 */
import { createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { CertificateInvalid } from "./certificate-error.ts";
import { certificateNames } from "./certificate-names.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";

/** Names of PEM files; `ca` holds intermediates that `cert` does not. */
export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

export interface ServerCredentials {
  /** Leaf, then intermediates; PEM. */
  readonly chain: string;
  readonly key: string;
  /** DNS names and IP addresses of the leaf, in lower case. */
  readonly names: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly beginsMs: number;
  readonly expiresMs: number;
  /** As Node prints it. */
  readonly issuer: string;
  /** SHA-256 of the leaf, for logs. */
  readonly fingerprint: string;
}

/** AES-128-GCM first: it costs the least per byte on machines that have it in hardware. */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** For `https.createServer` and `server.setSecureContext` alike. */
export function tlsOptions({ chain, key }: ServerCredentials): SecureContextOptions {
  return {
    cert: chain,
    key,
    ciphers,
    honorCipherOrder: true,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
  };
}

/**
 * Finds the certificate that belongs to the key, wherever it stands, and the chain above it.
 *
 * @throws {CertificateInvalid} naming the file to look at
 */
export async function loadServerCredentials(
  files: CredentialFiles,
  now = Date.now(),
): Promise<ServerCredentials> {
  const own = parseCertificates(files.cert, await read(files.cert));
  const more = files.ca ? parseCertificates(files.ca, await read(files.ca)) : [];
  const key = parsePrivateKey(files.key, await read(files.key));
  return assembleCredentials(files, { own, more, key }, now);
}

/** Before anything of it is trusted. */
export interface CredentialParts {
  /** The server's certificate is one of them. */
  readonly own: readonly X509Certificate[];
  /** Others that may belong to its chain. */
  readonly more?: readonly X509Certificate[];
  readonly key: KeyObject;
}

/** @param files what messages name @throws {CertificateInvalid} */
export function assembleCredentials(
  files: CredentialFiles,
  { own, more = [], key }: CredentialParts,
  now: number,
): ServerCredentials {
  const leaf = own.find((certificate) => certificate.checkPrivateKey(key));
  if (!leaf) throw mismatch(files, own, key);
  checkValidity(files.cert, leaf, now);
  const credentials: ServerCredentials = {
    chain: chainOf(leaf, [...own, ...more])
      .map(String)
      .join(""),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    names: certificateNames(leaf),
    beginsMs: Date.parse(leaf.validFrom),
    expiresMs: Date.parse(leaf.validTo),
    issuer: leaf.issuer,
    fingerprint: leaf.fingerprint256,
  };
  try {
    createSecureContext(tlsOptions(credentials));
  } catch (cause) {
    throw new CertificateInvalid(files.cert, "TLS refuses the certificate or its key", { cause });
  }
  return credentials;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CertificateInvalid(file, `cannot be read (${code})`, { cause });
  }
}

function mismatch(files: CredentialFiles, own: readonly X509Certificate[], key: KeyObject) {
  const kinds = `${own[0]?.publicKey.asymmetricKeyType} and ${createPublicKey(key).asymmetricKeyType}`;
  return new CertificateInvalid(
    files.key,
    `is not the key of a certificate in ${files.cert} (their kinds: ${kinds})`,
  );
}

function checkValidity(file: string, { validFrom, validTo }: X509Certificate, now: number): void {
  if (Date.parse(validTo) <= now) throw new CertificateInvalid(file, `expired on ${validTo}`);
  if (Date.parse(validFrom) > now) {
    throw new CertificateInvalid(file, `is valid only from ${validFrom}; is the clock right?`);
  }
}

/**
 * From the leaf upwards. The root is left out: who trusts it has it, for others it changes nothing.
 * A self-signed leaf is its own chain. Certificates that do not belong are not sent.
 */
function chainOf(leaf: X509Certificate, pool: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf];
  const rest = new Set(pool);
  for (let last = leaf; !isSelfSigned(last); ) {
    const issuer = [...rest].find((candidate) => isIssuer(candidate, last));
    if (!issuer || isSelfSigned(issuer)) break;
    rest.delete(issuer);
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

function isIssuer(candidate: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey);
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuer(certificate, certificate);
}

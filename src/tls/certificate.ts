/**
 * Makes certificates for development: an authority, and servers' certificates under it.
 *
 * Everything is RSA 2048 with SHA-256, which dockerd, Java 8, nginx and the cluster's own tools all
 * take. Keys come from node:crypto; node-forge only builds and signs, here and in signing-request.ts.
 */
import { generateKeyPair, randomBytes } from "node:crypto";
import { isIP, isIPv4 } from "node:net";
import { promisify } from "node:util";
import forge from "node-forge";

/** Clocks of agents may be a little behind. */
const backdatedMs = 5 * 60_000;
const dayMs = 24 * 60 * 60_000;
const authorityDays = 3650;
const serverDays = 365;

/** Both in PEM; the key as PKCS#8. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
}

/** A new RSA key, PKCS#8 in PEM. */
export async function createKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** A self-signed authority that can sign leaves only. @returns PEM */
export function createAuthority(key: string, name: string, now = Date.now()): string {
  const { certificate, privateKey } = draft(key, now, authorityDays);
  const subject = [{ name: "commonName", value: name }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
    { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    { name: "subjectKeyIdentifier" },
  ]);
  return sign(certificate, privateKey);
}

/**
 * A server certificate for `names` (DNS names and IP addresses). IPv4 addresses are entered as
 * addresses and as DNS names: nginx, and with it Admin Router, compares an address with the latter.
 *
 * @param key the server's, PKCS#8 in PEM
 * @returns PEM
 */
export function issueServerCertificate(
  authority: Authority,
  key: string,
  names: readonly string[],
  now = Date.now(),
): string {
  const issuer = forge.pki.certificateFromPem(authority.certificate);
  const { certificate } = draft(key, now, serverDays);
  certificate.setSubject([{ name: "commonName", value: commonName(names) }]);
  certificate.setIssuer(issuer.subject.attributes);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectKeyIdentifier" },
    {
      name: "authorityKeyIdentifier",
      keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
    },
    { name: "subjectAltName", altNames: names.flatMap(alternativeNames) },
  ]);
  return sign(certificate, forge.pki.privateKeyFromPem(authority.key));
}

interface Draft {
  readonly certificate: forge.pki.Certificate;
  readonly privateKey: forge.pki.rsa.PrivateKey;
}

function draft(key: string, now: number, days: number): Draft {
  const privateKey = forge.pki.privateKeyFromPem(key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  certificate.serialNumber = serialNumber();
  certificate.validity.notBefore = new Date(now - backdatedMs);
  certificate.validity.notAfter = new Date(now + days * dayMs);
  return { certificate, privateKey };
}

/** Positive and without leading zeros, as DER wants integers. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

function sign(certificate: forge.pki.Certificate, key: forge.pki.rsa.PrivateKey): string {
  certificate.sign(key, forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate).replaceAll("\r\n", "\n");
}

/** What one name becomes: an IPv4 address stands for two. */
export function alternativeNames(name: string): { type: number; value?: string; ip?: string }[] {
  if (isIP(name) === 0) return [{ type: 2, value: name }];
  const address = { type: 7, ip: name };
  return isIPv4(name) ? [address, { type: 2, value: name }] : [address];
}

/** X.509 allows 64 characters; the name only matters to people. */
export function commonName(names: readonly string[]): string {
  return names.find((name) => name.length <= 64) ?? "DC/OS Package Registry";
}

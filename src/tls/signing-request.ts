/**
 * Asks an authority for a server certificate: PKCS#10 for the names that clients of all kinds compare.
 *
 * IPv4 addresses are asked for as addresses, which Node and curl want, and as DNS names, which nginx and
 * with it Admin Router compares.
 */
import forge from "node-forge";
import { alternativeNames, commonName } from "./certificate.ts";

/**
 * @param key   the server's, PKCS#8 in PEM; it stays here
 * @param names DNS names and IP addresses
 * @returns PEM
 */
export function createSigningRequest(key: string, names: readonly string[]): string {
  const privateKey = forge.pki.privateKeyFromPem(key);
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  request.setSubject([{ name: "commonName", value: commonName(names) }]);
  const extensions = [
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: true, clientAuth: true },
    { name: "subjectAltName", altNames: names.flatMap(alternativeNames) },
  ];
  request.setAttributes([{ name: "extensionRequest", extensions }]);
  request.sign(privateKey, forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request).replaceAll("\r\n", "\n");
}

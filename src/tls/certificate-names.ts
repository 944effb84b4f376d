/** The names that a certificate is good for. */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** DNS names in lower case and IP addresses, of the subject's alternative names only. */
export function certificateNames(certificate: X509Certificate): Set<string> {
  const text = certificate.subjectAltName ?? "";
  // Node quotes an entry whose content could be mistaken for a separator; no host name needs that.
  const entries = text.split(", ").filter((entry) => !entry.includes('"'));
  const names = entries.flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(.+)$/.exec(entry) ?? [];
    return name === undefined ? [] : [canonicalName(name)];
  });
  return new Set(names);
}

/** One spelling for each name: lower case, IPv6 addresses in their short form. */
export function canonicalName(name: string): string {
  const bare = name.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 6) return bare.toLowerCase();
  return new URL(`https://[${bare}]`).hostname.slice(1, -1);
}

/** Whether `host` is one of `names`; `*.example.com` stands for one label. */
export function coversName(names: ReadonlySet<string>, host: string): boolean {
  const name = canonicalName(host);
  if (names.has(name)) return true;
  const dot = name.indexOf(".");
  return dot > 0 && isIP(name) === 0 && names.has(`*${name.slice(dot)}`);
}

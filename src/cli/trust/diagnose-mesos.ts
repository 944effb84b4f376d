/**
 * Finds what keeps the Mesos containerizer and fetcher from trusting the registry.
 *
 * Both ask by curl, which finds a certificate in the directory by a link named after its subject's hash: HASH.0, and
 * where several subjects hash alike HASH.1 and so on, until one of them is missing.
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { subjectHash } from "./install-trust.ts";
import { fingerprint, fingerprintsIn, type TrustFinding } from "./trust-finding.ts";
import type { Trusted } from "./trust-places.ts";

/**
 * @param directory what stands for `/var/lib/dcos/pki/tls/certs`
 * @returns none when everything is as it should be
 * @throws when openssl is not there
 */
export async function diagnoseMesos(
  directory: string,
  { certificates }: Trusted,
): Promise<TrustFinding[]> {
  const names = (await readdir(directory).catch(() => [] as string[])).sort();
  const found = await Promise.all(
    certificates.map((certificate) => diagnoseCertificate(directory, names, certificate)),
  );
  return found.flat();
}

async function diagnoseCertificate(
  directory: string,
  names: readonly string[],
  certificate: string,
): Promise<TrustFinding[]> {
  const hash = await hashOf(certificate);
  const wanted = fingerprint(certificate);
  for (let number = 0; names.includes(`${hash}.${number}`); number += 1) {
    const file = path.join(directory, `${hash}.${number}`);
    if ((await fingerprintsIn(file)).has(wanted)) return [];
  }
  const holders = await holdersOf(directory, names, wanted);
  const [holder] = holders;
  if (holder === undefined) {
    const problem = "no file in it is the registry's CA: assets and images are not fetched";
    const hint = "dcos-registry trust --install --for=mesos puts it there";
    return [{ place: directory, problem, hint }];
  }
  const problem = `no link ${hash}.0 leads to it, by which curl would find it`;
  const hint = "dcos-registry trust --install --for=mesos makes a file with its link";
  return [{ place: path.join(directory, holder), problem, hint }];
}

async function holdersOf(
  directory: string,
  names: readonly string[],
  wanted: string,
): Promise<string[]> {
  const holders = await Promise.all(
    names.map(async (name) => {
      const held = await fingerprintsIn(path.join(directory, name));
      return held.has(wanted) ? [name] : [];
    }),
  );
  return holders.flat();
}

async function hashOf(certificate: string): Promise<string> {
  const scratch = await mkdtemp(path.join(tmpdir(), "dcos-registry-trust-"));
  try {
    const file = path.join(scratch, "ca.crt");
    await writeFile(file, `${certificate}\n`);
    return await subjectHash(file);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

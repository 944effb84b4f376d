/**
 * Finds the well-known mistakes in `/etc/docker/certs.d`, each with what to do about it.
 *
 * Docker says `x509: certificate signed by unknown authority` for all of them.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fingerprint, fingerprintsIn, type TrustFinding } from "./trust-finding.ts";
import { namedForms, type Trusted } from "./trust-places.ts";

/**
 * @param directory what stands for `/etc/docker/certs.d`
 * @returns none when everything is as it should be
 */
export async function diagnoseDocker(directory: string, trusted: Trusted): Promise<TrustFinding[]> {
  const names = await readdir(directory).catch(() => [] as string[]);
  const forms = namedForms(trusted);
  const own = await Promise.all(
    forms.map((form) => diagnoseForm(directory, form, names.includes(form), trusted)),
  );
  const others = names.filter((name) => !forms.includes(name));
  return [...own.flat(), ...others.flatMap((name) => diagnoseName(directory, name, trusted))];
}

async function diagnoseForm(
  directory: string,
  form: string,
  present: boolean,
  trusted: Trusted,
): Promise<TrustFinding[]> {
  const place = path.join(directory, form);
  if (!present) {
    const problem = `there is no such directory: images named ${form}/… are not trusted`;
    return [{ place, problem, hint: "dcos-registry trust --install makes it" }];
  }
  const files = await readdir(place).catch(() => [] as string[]);
  const pairs = files
    .filter((name) => name.endsWith(".cert"))
    .flatMap((name) => loneKey(place, name, files));
  const authorities = files.filter((name) => name.endsWith(".crt"));
  if (authorities.length === 0) return [...pairs, noAuthority(place, files)];
  return [...pairs, ...(await diagnoseContent(place, authorities, trusted))];
}

function noAuthority(place: string, files: readonly string[]): TrustFinding {
  const other = files.find((name) => /\.(?:pem|cert|cer|ca)$/.test(name));
  const problem =
    other === undefined
      ? "it holds no CA certificate"
      : `it holds ${other}; Docker takes files named *.crt only as CA`;
  return { place, problem, hint: `the file has to be ${path.join(place, "ca.crt")}` };
}

/** `*.cert` is a client certificate for Docker, and without its key every pull fails. */
function loneKey(place: string, name: string, files: readonly string[]): TrustFinding[] {
  const key = name.replace(/\.cert$/, ".key");
  if (files.includes(key)) return [];
  const problem = `Docker takes ${name} as a client certificate and misses ${key}`;
  return [{ place, problem, hint: `remove ${name}, or rename it to ca.crt if it is the CA's` }];
}

async function diagnoseContent(
  place: string,
  names: readonly string[],
  { certificates }: Trusted,
): Promise<TrustFinding[]> {
  const sets = await Promise.all(names.map((name) => fingerprintsIn(path.join(place, name))));
  const known = new Set(sets.flatMap((set) => [...set]));
  if (known.size === 0) {
    const problem = `${names.join(", ")} holds no PEM certificate`;
    return [{ place, problem, hint: "copy the CA's certificate in PEM form" }];
  }
  if (certificates.every((one) => known.has(fingerprint(one)))) return [];
  const problem = "it holds another CA than the registry's: an old one, or that of another cluster";
  return [{ place, problem, hint: "dcos-registry trust --install replaces it" }];
}

/** Directories that were meant for the registry, but are not named as images name it. */
function diagnoseName(directory: string, name: string, trusted: Trusted): TrustFinding[] {
  const { host } = trusted;
  const [, bare = name, port] = /^(.*?)(?::(\d*))?$/.exec(name) ?? [];
  const place = path.join(directory, name);
  const hint = `the directory has to be named ${namedForms(trusted).join(" and ")}`;
  if (bare === host) {
    const problem = port === "" ? "the port is missing behind the colon" : `it is for port ${port}`;
    return [{ place, problem, hint, harmless: true }];
  }
  if (!resembles(bare, host)) return [];
  return [{ place, problem: `its name is not quite ${host}`, hint, harmless: true }];
}

/** Same first label, or hardly a difference: a misprint, not another registry. */
function resembles(name: string, host: string): boolean {
  const [label = ""] = host.split(".");
  const inCluster = /l4lb|thisdcos/.test(name) && /thisdcos/.test(host);
  if (inCluster && (name.startsWith(`${label}.`) || label.endsWith(name.split(".")[0] ?? "-"))) {
    return true;
  }
  return distance(name, host) <= 2;
}

/** Edits that lead from one text to the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (let index = 1; index <= other.length; index += 1) {
      const same = letter === other[index - 1] ? 0 : 1;
      next.push(
        Math.min((row[index] ?? 0) + 1, (next[index - 1] ?? 0) + 1, (row[index - 1] ?? 0) + same),
      );
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/**
 * Finds what keeps containerd from trusting the registry by `/etc/containerd/certs.d`.
 *
 * For an image named HOST:PORT/… containerd reads the first of the directories HOST_PORT_, HOST:PORT and _default
 * that is there, and in it hosts.toml, or without one the files that Docker reads.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fingerprint, fingerprintsIn, type TrustFinding } from "./trust-finding.ts";
import { homes, namedForms, type Trusted } from "./trust-places.ts";

const homeOfHosts = `${homes.containerd}/certs.d`;
const install = "dcos-registry trust --install --for=containerd writes it";

/**
 * @param home what stands for `/etc/containerd`
 * @param root what stands for `/`, where absolute names in hosts.toml begin
 * @returns none when everything is as it should be
 */
export async function diagnoseContainerd(
  home: string,
  root: string,
  trusted: Trusted,
): Promise<TrustFinding[]> {
  const directory = path.join(home, "certs.d");
  const names = await readdir(directory).catch(() => [] as string[]);
  const own = await Promise.all(
    namedForms(trusted).map((form) => diagnoseForm({ directory, form, root, names }, trusted)),
  );
  return [...own.flat(), ...(await diagnoseConfiguration(path.join(home, "config.toml")))];
}

interface Form {
  readonly directory: string;
  readonly form: string;
  readonly root: string;
  /** Directories that are there. */
  readonly names: readonly string[];
}

async function diagnoseForm(
  { directory, form, root, names }: Form,
  trusted: Trusted,
): Promise<TrustFinding[]> {
  const other = form.replace(/:(\d+)$/, "_$1_");
  if (other !== form && names.includes(other)) {
    const problem = `containerd reads it in place of ${form}`;
    return [{ place: path.join(directory, other), problem, hint: `remove it; ${install}` }];
  }
  const place = path.join(directory, form);
  if (!names.includes(form)) {
    const problem = `there is no such directory: images named ${form}/… are not trusted`;
    return [{ place, problem, hint: install }];
  }
  const toml = path.join(place, "hosts.toml");
  const text = await readFile(toml, "utf8").catch(() => undefined);
  const files = text === undefined ? await dockerFiles(place) : authoritiesIn(text);
  if (text !== undefined) {
    const wrong = diagnoseHosts(toml, text, files, trusted);
    if (wrong.length > 0) return wrong;
  }
  const inRoot = files.map((file) => absolute(file, place, root));
  return diagnoseFiles(text === undefined ? place : toml, inRoot, trusted);
}

async function dockerFiles(place: string): Promise<string[]> {
  const files = await readdir(place).catch(() => [] as string[]);
  return files.filter((name) => name.endsWith(".crt"));
}

/** Where hosts.toml sends requests, and whether it has them verified. */
function diagnoseHosts(
  place: string,
  text: string,
  files: readonly string[],
  { host, port }: Trusted,
): TrustFinding[] {
  if (/^\s*skip_verify\s*=\s*true/m.test(text)) {
    const problem = "skip_verify lets anybody answer in place of the registry";
    return [{ place, problem, hint: install, harmless: true }];
  }
  const servers = [...text.matchAll(/^\s*\[host\."([^"]+)"\]/gm)].map(([, server = ""]) => server);
  const wanted = [`https://${host}:${port}`, ...(port === 443 ? [`https://${host}`] : [])];
  if (servers.length > 0 && !servers.some((server) => wanted.includes(server.replace(/\/$/, "")))) {
    const problem = `it sends requests to ${servers.join(", ")}, not to ${wanted[0]}`;
    return [{ place, problem, hint: install }];
  }
  return files.length > 0 ? [] : [{ place, problem: "it names no CA", hint: install }];
}

/** `ca = "FILE"`, or a list of them. */
function authoritiesIn(toml: string): string[] {
  return [...toml.matchAll(/^\s*ca\s*=\s*(\[[^\]]*\]|"[^"]*")/gm)].flatMap(([, value = ""]) =>
    [...value.matchAll(/"([^"]*)"/g)].map(([, file = ""]) => file),
  );
}

/** Names in hosts.toml count from its own directory. */
function absolute(file: string, place: string, root: string): string {
  return path.isAbsolute(file) ? path.join(root, file) : path.join(place, file);
}

async function diagnoseFiles(
  place: string,
  files: readonly string[],
  { certificates }: Trusted,
): Promise<TrustFinding[]> {
  const sets = await Promise.all(files.map(fingerprintsIn));
  const known = new Set(sets.flatMap((set) => [...set]));
  if (known.size === 0) {
    return [{ place, problem: "no CA certificate is where it looks for one", hint: install }];
  }
  if (certificates.every((one) => known.has(fingerprint(one)))) return [];
  const problem = "it names another CA than the registry's: an old one, or that of another cluster";
  return [{ place, problem, hint: install }];
}

/** Where it is not set, `ctr --hosts-dir` says which directory is meant. */
async function diagnoseConfiguration(place: string): Promise<TrustFinding[]> {
  const text = await readFile(place, "utf8").catch(() => "");
  const [, set] = /^\s*config_path\s*=\s*["']([^"']*)["']/m.exec(text) ?? [];
  if (!set || set.split(":").includes(homeOfHosts)) return [];
  const problem = `config_path is ${set}: containerd does not read ${homeOfHosts}`;
  const hint = "add it there, and restart containerd";
  return [{ place, problem, hint }];
}

/**
 * The cluster that the DC/OS CLI is attached to, from its own files, for runs outside of `dcos`.
 *
 *     ~/.dcos/clusters/<id>/dcos.toml   [core] dcos_url, dcos_acs_token, ssl_verify; [cluster] name
 *     ~/.dcos/clusters/<id>/attached    marks the one that is meant
 *     ~/.dcos/dcos.toml                 the only cluster of old versions
 *
 * `DCOS_DIR` moves the directory, `DCOS_CLUSTER` names another cluster by id or name. Inside of `dcos` the
 * variables that it passes win, and no file is looked at.
 */
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Environment } from "./cluster-environment.ts";

/** @returns the environment, with what `dcos` would have passed to a plugin */
export async function withAttachedCluster(environment: Environment): Promise<Environment> {
  if (environment["DCOS_URL"]) return environment;
  const settings = await attachedSettings(environment);
  const url = settings?.get("core.dcos_url");
  if (settings === undefined || url === undefined) return environment;
  const token = settings.get("core.dcos_acs_token");
  const verify = settings.get("core.ssl_verify");
  return {
    ...environment,
    DCOS_URL: url,
    ...(token !== undefined && !environment["DCOS_ACS_TOKEN"] && { DCOS_ACS_TOKEN: token }),
    ...(verify !== undefined && !environment["DCOS_SSL_VERIFY"] && { DCOS_SSL_VERIFY: verify }),
  };
}

type Settings = ReadonlyMap<string, string>;

async function attachedSettings(environment: Environment): Promise<Settings | undefined> {
  const { DCOS_DIR: given, HOME: home, DCOS_CLUSTER: wanted } = environment;
  const directory = given || (home && path.join(home, ".dcos"));
  if (!directory) return undefined;
  const clusters = path.join(directory, "clusters");
  const ids = await readdir(clusters).catch(() => []);
  for (const id of ids) {
    const folder = path.join(clusters, id);
    const settings = await readSettings(path.join(folder, "dcos.toml"));
    const named = wanted === id || wanted === settings?.get("cluster.name");
    if (settings && (wanted ? named : await exists(path.join(folder, "attached")))) return settings;
  }
  return ids.length > 0 ? undefined : readSettings(path.join(directory, "dcos.toml"));
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function readSettings(file: string): Promise<Settings | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseSettings(text);
}

/** `section.key` → value, of strings and booleans: all that these files hold. */
export function parseSettings(text: string): Settings {
  const settings = new Map<string, string>();
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\s*\[([\w.-]+)\]\s*(?:#.*)?$/.exec(line)?.[1] ?? section;
    const [, key, basic, literal, bare] =
      /^\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(true|false))\s*(?:#.*)?$/.exec(line) ??
      [];
    const value = basic === undefined ? (literal ?? bare) : withoutEscapes(basic);
    if (key !== undefined && value !== undefined) settings.set(`${section}.${key}`, value);
  }
  return settings;
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(["\\])/g, "$1");
}

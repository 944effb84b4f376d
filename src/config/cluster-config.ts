/** What the server is told about the DC/OS cluster around it: by options, and by DC/OS itself. */
import { isIP } from "node:net";
import path from "node:path";
import { isWildcard } from "./address.ts";
import type { Environment } from "./environment.ts";
import type { Value } from "./sources.ts";

export interface ClusterConfig {
  /** The secret: an absolute name of a file, or its JSON. */
  readonly serviceAccount?: { readonly file: string } | { readonly json: string };
  /** Of Admin Router; undefined for where the service account logs in. */
  readonly url?: string;
  /** Files that may hold the roots of the cluster, the best first. */
  readonly caFiles: readonly string[];
  /** Addresses of the agent and of the task, and the task's name. */
  readonly names: readonly string[];
  readonly users: {
    /** Uids of those who may write. */
    readonly allow: readonly string[];
    /** So may everybody whom Admin Router lets use the service. */
    readonly permission: boolean;
  };
}

/** Where DC/OS collects the figures of this task, by UDP. */
export interface StatsdAddress {
  readonly host: string;
  readonly port: number;
}

/** One uid of DC/OS; service accounts, local users and those of a directory. */
const uid = /^[A-Za-z0-9@._+-]{1,255}$/;

const hostName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;

/** Uids with commas between them. */
export function parseUids(text: string): string[] | undefined {
  const uids = text.split(",").map((one) => one.trim());
  return uids.every((one) => uid.test(one)) ? uids : undefined;
}

/** @returns undefined outside a cluster: neither a service account nor a URL is known */
export function toCluster(
  values: ReadonlyMap<string, Value>,
  environment: Environment,
): ClusterConfig | undefined {
  const serviceAccount = serviceAccountIn(values, environment);
  const url = values.get("/cluster/url");
  if (!serviceAccount && url === undefined) return undefined;
  return {
    ...(serviceAccount && { serviceAccount }),
    ...(url !== undefined && { url: String(url) }),
    caFiles: caFilesIn(environment),
    names: [...addressesIn(environment), marathonName(String(values.get("/service/name")))],
    users: {
      allow: parseUids(String(values.get("/users/allow") ?? "")) ?? [],
      permission: values.get("/users/permission") === true,
    },
  };
}

/** @returns undefined where DC/OS has injected no address: then nothing is sent */
export function toStatsd(environment: Environment): StatsdAddress | undefined {
  const host = environment["STATSD_UDP_HOST"]?.trim() ?? "";
  const port = Number(environment["STATSD_UDP_PORT"]);
  const known = (isIP(host) !== 0 || hostName.test(host)) && Number.isInteger(port);
  return known && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** By the option, or by the variable that DC/OS' own services know, which holds the JSON or a name. */
function serviceAccountIn(
  values: ReadonlyMap<string, Value>,
  environment: Environment,
): ClusterConfig["serviceAccount"] {
  const file = values.get("/service/account");
  if (file !== undefined) return { file: String(file) };
  const text = environment["DCOS_SERVICE_ACCOUNT_CREDENTIAL"]?.trim();
  if (!text) return undefined;
  return text.startsWith("{") ? { json: text } : { file: path.resolve(text) };
}

function caFilesIn({ MESOS_SANDBOX: sandbox, LIBPROCESS_SSL_CA_FILE: file }: Environment) {
  const inSandbox = (name: string) => (sandbox ? [path.join(sandbox, ".ssl", name)] : []);
  return [
    ...inSandbox("ca-bundle.crt"),
    ...(file ? [file] : []),
    ...inSandbox("ca.crt"),
    "/run/dcos/pki/CA/ca-bundle.crt",
  ];
}

/** Admin Router and agents reach a task by the agent's address, or by its own on a network of containers. */
function addressesIn({ HOST, LIBPROCESS_IP, MESOS_CONTAINER_IP }: Environment): string[] {
  return [HOST, LIBPROCESS_IP, MESOS_CONTAINER_IP]
    .map((name) => name?.trim() ?? "")
    .filter((name) => isIP(name) !== 0 || hostName.test(name))
    .filter((host) => !isWildcard({ host, port: 0 }));
}

/** `/folder/dcos-registry` → `dcos-registry-folder.marathon.mesos`. */
function marathonName(service: string): string {
  const parts = service.split("/").filter((part) => part !== "");
  return `${parts.reverse().join("-")}.marathon.mesos`;
}

/** Finds out which registry `doctor` is to look at, from where, and opens the ways to it. */
import { access } from "node:fs/promises";
import path from "node:path";
import { readCaFile } from "../../network/trust.ts";
import { DcosApi } from "../activate/dcos-api.ts";
import { withAttachedCluster } from "../attached-cluster.ts";
import { parseServiceName } from "../cluster-environment.ts";
import {
  type Connection,
  type ConnectionOptions,
  resolveCluster,
  resolveConnection,
} from "../connection.ts";
import type { CliContext } from "../context.ts";
import { clusterCa, registryAddress } from "../trust/registry-ca.ts";
import type { Trusted } from "../trust/trust-places.ts";
import { trustOf, withTransport } from "../with-registry.ts";
import { systemAddresses } from "./reach.ts";
import { type Place, Subject } from "./subject.ts";

export interface SubjectOptions extends ConnectionOptions {
  readonly host?: string;
  readonly root: string;
}

/** Where every node of a cluster has the software of DC/OS. */
const software = "/opt/mesosphere";
const defaultService = "dcos-registry";

/** @throws {UsageError} when it is not clear which registry is meant */
export async function withSubject<T>(
  options: SubjectOptions,
  context: CliContext,
  use: (subject: Subject) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  const environment = await withAttachedCluster(context.environment);
  const attached = environment["DCOS_URL"] !== undefined;
  const place = await placeOf(options, context, attached);
  const connection = await connectionTo(options, place, attached, context);
  const full = await withTrust(place, connection, context);
  return withTransport(connection, context, async (registry) => {
    if (!attached) return use(new Subject(full, registry, undefined, signal));
    // Whoever names a registry by its URL has given the CA and the token of that registry.
    const own = options.url === undefined ? options : {};
    const cluster = await resolveCluster(own, context);
    return withTransport(cluster, context, (transport) =>
      use(new Subject(full, registry, new DcosApi(transport, signal), signal)),
    );
  });
}

type Where = Omit<Place, "certificates" | "trust">;

async function placeOf(
  options: SubjectOptions,
  { version, resolveHost = systemAddresses }: CliContext,
  attached: boolean,
): Promise<Where> {
  const { url, host, name, root } = options;
  const onNode = await isNode(root);
  const inCluster = url === undefined && (attached || onNode);
  const service =
    name !== undefined || inCluster ? parseServiceName(name ?? defaultService) : undefined;
  const address =
    host === undefined && service === undefined
      ? hostOf(url)
      : registryAddress(host, service ?? defaultService);
  return { service, ...address, root, onNode, resolveHost, version };
}

/** Without any hint the development server is meant, as for all commands. */
function hostOf(url = "https://127.0.0.1:8443"): Pick<Trusted, "host" | "port"> {
  if (!URL.canParse(url)) return { host: "", port: 443 };
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 443) };
}

async function isNode(root: string): Promise<boolean> {
  return (await exists(path.join(root, software))) || exists(path.join(root, clusterCa));
}

/** On a node without an attached cluster the registry is asked by the name that agents use. */
async function connectionTo(
  options: SubjectOptions,
  { host, port, onNode, root }: Where,
  attached: boolean,
  context: CliContext,
): Promise<Connection> {
  const { name, ...rest } = options;
  if (options.url !== undefined) return resolveConnection(rest, context);
  if (attached || !onNode) return resolveConnection(options, context);
  const bundle = path.join(root, clusterCa);
  const ca = options.ca ?? ((await exists(bundle)) ? bundle : undefined);
  const url = `https://${host}:${port}`;
  return resolveConnection({ ...rest, url, ...(ca !== undefined && { ca }) }, context);
}

/** The CA of a node's cluster counts where the connection names no other. */
async function withTrust(
  place: Where,
  connection: Connection,
  context: CliContext,
): Promise<Place> {
  const bundle = path.join(place.root, clusterCa);
  const certificates =
    connection.ca ??
    ((await exists(bundle)) ? await readCaFile(bundle, context.workingDirectory) : undefined);
  const asked = { url: new URL(`https://${place.host}/`), ca: certificates };
  return { ...place, certificates, trust: await trustOf(asked, context) };
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

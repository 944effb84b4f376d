/** What the rest of the server sees of its options: typed, absolute, frozen. */
import { isIPv6 } from "node:net";
import { l4lbName } from "../cluster/l4lb-name.ts";
import { isWildcard, type ListenAddress, parseAddress } from "./address.ts";
import { type ClusterConfig, type StatsdAddress, toCluster, toStatsd } from "./cluster-config.ts";
import { listenNames } from "./effective.ts";
import type { Environment } from "./environment.ts";
import type { Value } from "./sources.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export interface Config {
  readonly listen: ListenAddress;
  /** Absolute directory: of everything, or with a bucket of what belongs to this machine alone. */
  readonly storage: string;
  /** The bucket that keeps everything else. */
  readonly s3?: BucketConfig;
  /** Take over storage of a service of another name. */
  readonly adoptStorage: boolean;
  /** Servers that share the storage, this one included. */
  readonly instances: number;
  /** For connections that the server makes. */
  readonly outgoing: {
    /** Absolute name of a file with further roots. */
    readonly ca?: string;
    /** The variables that name proxies and roots; they may hold passwords. */
    readonly environment: Environment;
  };
  /** The DC/OS cluster around the server; undefined outside of one. */
  readonly cluster?: ClusterConfig;
  /** Without a leading slash; also the `service` of token challenges. */
  readonly serviceName: string;
  /** Of which services that run since then still ask. */
  readonly formerName?: string;
  /** `https://…` without a trailing slash. */
  readonly publicUrl: string;
  /** `HOST` or `HOST:PORT`. */
  readonly imageHost: string;
  /** Absolute names of files; undefined asks for the development certificate. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Absolute name of a file. */
  readonly htpasswd?: string;
  /** Absolute name of a file. */
  readonly tokenFile?: string;
  readonly readOnly: boolean;
  /** Processes that serve. */
  readonly workers: number;
  readonly metricsListen?: ListenAddress;
  /** Of DC/OS' collector, as it is injected into tasks. */
  readonly statsd?: StatsdAddress;
  readonly logLevel: LogLevel;
  /** In bytes; a `bundleBytes` of 0 means no limit. */
  readonly limits: {
    readonly manifestBytes: number;
    readonly bundleBytes: number;
    /** Requests with content at the same time, in one process. */
    readonly uploads: number;
    readonly uploadsPerClient: number;
    /** Writers leave this much of the disk free; -1 lets its size decide, 0 is no floor. */
    readonly freeBytes: number;
    /** Writers are refused where so much is stored; 0 is no quota. */
    readonly quotaBytes: number;
  };
  readonly scrub: {
    /** 0: on request only. */
    readonly intervalHours: number;
    /** 0: as fast as it goes. */
    readonly bytesPerSecond: number;
  };
  readonly packages: { readonly retainDays: number };
  readonly upload: { readonly expiryHours: number };
  readonly gc: {
    readonly enabled: boolean;
    readonly intervalMinutes: number;
    readonly graceHours: number;
    readonly settleMinutes: number;
    readonly orphanHours: number;
    /** 0 for no limit. */
    readonly requestsPerSecond: number;
    /** In place of all these times, in tests. */
    readonly testMs?: number;
  };
}

export interface BucketConfig {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly path: string;
  readonly endpoint?: string;
  readonly region: string;
  /** Absolute name of a file; undefined lets the AWS client look around. */
  readonly credentialsFile?: string;
  readonly profile: string;
  readonly forcePathStyle: boolean;
  /** Of its data, kept on this machine's disk beside what is just being read. */
  readonly cacheBytes: number;
  /** Somebody sees to it that one instance alone writes. */
  readonly unsafeSingleWriter: boolean;
}

/**
 * `values` are valid and complete: the schema and the defaults have seen to it.
 *
 * @param environment of which only what outgoing connections need and what DC/OS says is kept
 */
export function toConfig(values: ReadonlyMap<string, Value>, environment: Environment): Config {
  const text = (pointer: string) => values.get(pointer) as string;
  const number = (pointer: string) => values.get(pointer) as number;
  const optional = <Key extends string>(key: Key, pointer: string) =>
    values.has(pointer) ? ({ [key]: text(pointer) } as { [key in Key]: string }) : {};
  const cluster = toCluster(values, environment);
  const metricsListen = parseAddress(text("/metrics/listen") ?? "");
  const statsd = toStatsd(environment);
  return freeze({
    listen: parseAddress(text("/listen")) as ListenAddress,
    storage: text("/storage"),
    ...(values.has("/s3/bucket") && { s3: toBucket(values) }),
    adoptStorage: values.get("/adopt-storage") === true,
    instances: number("/service/instances"),
    outgoing: { ...optional("ca", "/ca"), environment: outgoingVariables(environment) },
    ...(cluster && { cluster }),
    serviceName: text("/service/name").replace(/^\//, ""),
    ...optional("formerName", "/service/former-name"),
    publicUrl: text("/public-url").replace(/\/+$/, ""),
    imageHost: text("/image-host"),
    ...(values.has("/tls/cert") && {
      tls: { cert: text("/tls/cert"), key: text("/tls/key"), ...optional("ca", "/tls/ca") },
    }),
    ...optional("htpasswd", "/htpasswd"),
    ...optional("tokenFile", "/token-file"),
    readOnly: values.get("/read-only") === true,
    workers: number("/workers"),
    ...(metricsListen && { metricsListen }),
    ...(statsd && { statsd }),
    logLevel: text("/log/level") as LogLevel,
    limits: {
      manifestBytes: number("/limits/manifest-bytes"),
      bundleBytes: number("/limits/bundle-bytes"),
      uploads: number("/limits/uploads"),
      uploadsPerClient: number("/limits/uploads-per-client"),
      freeBytes: number("/limits/free-bytes"),
      quotaBytes: number("/limits/quota-bytes"),
    },
    scrub: {
      intervalHours: number("/scrub/interval-hours"),
      bytesPerSecond: number("/scrub/bytes-per-second"),
    },
    packages: { retainDays: number("/packages/retain-days") },
    upload: { expiryHours: number("/upload/expiry-hours") },
    gc: {
      enabled: values.get("/gc/enabled") === true,
      intervalMinutes: number("/gc/interval-minutes"),
      graceHours: number("/gc/grace-hours"),
      settleMinutes: number("/gc/settle-minutes"),
      orphanHours: number("/gc/orphan-hours"),
      requestsPerSecond: number("/gc/requests-per-second"),
      ...(values.has("/gc/test-milliseconds") && { testMs: number("/gc/test-milliseconds") }),
    },
  });
}

function toBucket(values: ReadonlyMap<string, Value>): BucketConfig {
  const text = (pointer: string) => values.get(pointer) as string;
  const endpoint = values.has("/s3/endpoint") && { endpoint: text("/s3/endpoint") };
  const file = values.has("/s3/credentials-file") && {
    credentialsFile: text("/s3/credentials-file"),
  };
  return {
    bucket: text("/s3/bucket"),
    path: trimmed(text("/s3/path") ?? ""),
    ...endpoint,
    region: text("/s3/region"),
    ...file,
    profile: text("/s3/credential-profile-name"),
    forcePathStyle: endpoint !== false && values.get("/s3/force-path-style") === true,
    cacheBytes: values.get("/s3/cache-bytes") as number,
    unsafeSingleWriter: text("/s3/coordination") === "unsafe-single-writer",
  };
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

function outgoingVariables(environment: Environment): Environment {
  const known = /^(?:(?:https?|no)_proxy|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS)$/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => known.test(name)));
}

/**
 * The configuration once the system has chosen the port (`--listen HOST:0`): names that follow the
 * listen address get it too, others stay.
 */
export function withPort(config: Config, port: number): Config {
  const listen = { ...config.listen, port };
  const before = listenNames(config.listen);
  const now = listenNames(listen);
  return freeze({
    ...config,
    listen,
    publicUrl: config.publicUrl === before.publicUrl ? now.publicUrl : config.publicUrl,
    imageHost: config.imageHost === before.imageHost ? now.imageHost : config.imageHost,
  });
}

/** DNS names and IP addresses that a certificate of our own making must be good for. */
export function certificateNamesFor(config: Config): string[] {
  const { serviceName, formerName, publicUrl, imageHost, listen } = config;
  const names = [
    l4lbName(serviceName),
    l4lbName(serviceName, "global"),
    ...(formerName === undefined ? [] : [l4lbName(formerName), l4lbName(formerName, "global")]),
    hostOf(publicUrl),
    hostOf(`https://${imageHost}`),
    "localhost",
    "127.0.0.1",
    "::1",
    ...(isWildcard(listen) ? [] : [listen.host.toLowerCase()]),
  ];
  return [...new Set(names)];
}

function hostOf(url: string): string {
  const { hostname } = new URL(url);
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIPv6(bare) ? bare : hostname;
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) freeze(inner as object);
  }
  return Object.freeze(value);
}

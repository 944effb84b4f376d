/** What the rest of the server sees of its options: typed, absolute, frozen. */
import { isIPv6 } from "node:net";
import { l4lbName } from "../cluster/l4lb-name.ts";
import { isWildcard, type ListenAddress, parseAddress } from "./address.ts";
import { listenNames } from "./effective.ts";
import type { Value } from "./sources.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export interface Config {
  readonly listen: ListenAddress;
  /** Absolute directory. */
  readonly storage: string;
  /** Without a leading slash; also the `service` of token challenges. */
  readonly serviceName: string;
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
  };
  readonly packages: { readonly retainDays: number };
  readonly upload: { readonly expiryHours: number };
}

/** `values` are valid and complete: the schema and the defaults have seen to it. */
export function toConfig(values: ReadonlyMap<string, Value>): Config {
  const text = (pointer: string) => values.get(pointer) as string;
  const number = (pointer: string) => values.get(pointer) as number;
  const optional = <Key extends string>(key: Key, pointer: string) =>
    values.has(pointer) ? ({ [key]: text(pointer) } as { [key in Key]: string }) : {};
  const metricsListen = parseAddress(text("/metrics/listen") ?? "");
  return freeze({
    listen: parseAddress(text("/listen")) as ListenAddress,
    storage: text("/storage"),
    serviceName: text("/service/name").replace(/^\//, ""),
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
    logLevel: text("/log/level") as LogLevel,
    limits: {
      manifestBytes: number("/limits/manifest-bytes"),
      bundleBytes: number("/limits/bundle-bytes"),
      uploads: number("/limits/uploads"),
      uploadsPerClient: number("/limits/uploads-per-client"),
      freeBytes: number("/limits/free-bytes"),
    },
    packages: { retainDays: number("/packages/retain-days") },
    upload: { expiryHours: number("/upload/expiry-hours") },
  });
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
  const { serviceName, publicUrl, imageHost, listen } = config;
  const names = [
    l4lbName(serviceName),
    l4lbName(serviceName, "global"),
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

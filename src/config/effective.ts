/** What follows from the options that were set: defaults, derived names, contradictions. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { l4lbName } from "../cluster/l4lb-name.ts";
import { formatAddress, isWildcard, type ListenAddress, parseAddress } from "./address.ts";
import { flagOf, options } from "./options.ts";
import type { Problem } from "./schema.ts";
import type { Value } from "./sources.ts";

type Values = ReadonlyMap<string, Value>;

interface Names {
  readonly publicUrl: string;
  readonly imageHost: string;
}

export function withDefaults(set: Values): Values {
  const values = new Map(set);
  for (const { pointer, schema } of options) {
    const value = schema["default"] as Value | undefined;
    if (value === undefined || values.has(pointer)) continue;
    const isPlace = schema["format"] === "storage";
    values.set(pointer, isPlace ? path.resolve(String(value)) : value);
  }
  const { publicUrl, imageHost } = names(set, values);
  return values.set("/public-url", publicUrl).set("/image-host", imageHost);
}

/**
 * A public URL wins, then the load-balanced name of a service that was named; with neither this is
 * no cluster, and the listen address makes a demonstration work.
 */
function names(set: Values, values: Values): Names {
  const url = set.get("/public-url");
  const host = set.get("/image-host");
  const derived = url === undefined ? derivedNames(set, values) : namesOf(String(url));
  return { publicUrl: derived.publicUrl, imageHost: String(host ?? derived.imageHost) };
}

function derivedNames(set: Values, values: Values): Names {
  const service = set.get("/service/name");
  if (service !== undefined) return namesOf(`https://${l4lbName(String(service))}`);
  const listen = parseAddress(String(values.get("/listen")));
  return listenNames(listen ?? { host: "127.0.0.1", port: 8443 });
}

/** Every address of the machine is no name to hand out: its loopback address stands for it. */
export function listenNames(listen: ListenAddress): Names {
  const host = isWildcard(listen) ? "127.0.0.1" : listen.host;
  const address = formatAddress({ host, port: listen.port });
  return { publicUrl: `https://${address.replace(/:443$/, "")}`, imageHost: address };
}

/** The image host names its port even where it is the usual one: agents trust that form. */
function namesOf(publicUrl: string): Names {
  const { hostname, port } = new URL(publicUrl);
  return { publicUrl, imageHost: `${hostname}:${port || "443"}` };
}

/** What one option says about another, which no schema of single options can. */
export function conflicts(set: Values): Problem[] {
  const problems: Problem[] = [];
  const needs = (pointer: string, other: string) => {
    if (!set.has(pointer) || set.has(other)) return;
    problems.push({ pointer, message: `${flag(pointer)} needs ${flag(other)} beside it` });
  };
  needs("/tls/cert", "/tls/key");
  needs("/tls/key", "/tls/cert");
  needs("/tls/ca", "/tls/cert");
  for (const option of ["path", "endpoint", "credentials-file"]) {
    needs(`/s3/${option}`, "/s3/bucket");
  }
  if (Number(set.get("/service/instances") ?? 1) > 1) needs("/service/instances", "/s3/bucket");
  const metrics = set.get("/metrics/listen");
  if (metrics !== undefined && metrics === set.get("/listen") && !/:0$/.test(String(metrics))) {
    const message = "--metrics-listen must not be the address of --listen";
    problems.push({ pointer: "/metrics/listen", message });
  }
  return problems;
}

/** Files that are named but cannot be read, so that they are reported together with the rest. */
export function unreadable(set: Values): Problem[] {
  const files = options.filter(
    ({ schema, inFile }) => schema["format"] === "file" && inFile !== false,
  );
  return files.flatMap(({ pointer }) => {
    const file = set.get(pointer);
    const why = file === undefined ? undefined : reason(String(file));
    return why ? [{ pointer, message: `${flag(pointer)}: ${file} cannot be read (${why})` }] : [];
  });
}

function reason(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isDirectory() ? "it is a directory" : undefined;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code;
  }
}

function flag(pointer: string): string {
  const option = options.find((row) => row.pointer === pointer);
  return option ? `--${flagOf(option)}` : pointer;
}

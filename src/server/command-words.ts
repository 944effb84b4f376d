/**
 * What the server was asked to do, from its arguments.
 *
 * DC/OS starts command health checks as `/bin/sh -c COMMAND`. Our image has no shell: there `/bin/sh`
 * is this program, which then finds its own path and `-c COMMAND` as arguments.
 */

export type ServerCommand =
  | {
      readonly name: "run" | "healthcheck" | "migrate-storage" | "purge-tombstones";
      readonly options: readonly string[];
    }
  | {
      readonly name: "serve";
      readonly files: readonly string[];
      readonly options: readonly string[];
    }
  | { readonly name: "unknown"; readonly text: string };

const program = "dcos-registry-server";

/** @param argv what stands behind the name of the program */
export function readCommandWords(argv: readonly string[]): ServerCommand {
  const [first = "", ...rest] = argv;
  if (first === "/bin/sh") return asShell(rest);
  if (first === "serve") return serveFiles(rest);
  if (first === "healthcheck" || first === "migrate-storage" || first === "purge-tombstones") {
    return { name: first, options: rest };
  }
  return { name: "run", options: argv };
}

/** `serve FILE… [options]` */
function serveFiles(words: readonly string[]): ServerCommand {
  const end = words.findIndex((word) => word.startsWith("-"));
  const files = end < 0 ? words : words.slice(0, end);
  return { name: "serve", files, options: end < 0 ? [] : words.slice(end) };
}

/** Understands nothing but calls of this program, by words without quotes. */
function asShell([flag, text = ""]: readonly string[]): ServerCommand {
  const [called, ...rest] = text.trim().split(/\s+/);
  if (flag === "-c" && called === program && rest[0] === "healthcheck") {
    return readCommandWords(rest);
  }
  return { name: "unknown", text: `this image has no shell; it knows ${program} healthcheck only` };
}

/** The table of options as text: for `--help`, for CONTRIBUTING.md and for `--print-config`. */
import { catalogOptionOf, flagOf, type Option, options, variableOf } from "./options.ts";
import type { Value } from "./sources.ts";

export function helpText(): string {
  const rows = options.map((option) => {
    const left = `  --${flagOf(option)}${option.value ? ` ${option.value}` : ""}`;
    return `${left.padEnd(34)}${option.summary}${remark(option)}`;
  });
  return `Usage: dcos-registry-server [options]
       dcos-registry-server serve FILE.dcos... [options]
       dcos-registry-server healthcheck [options]
       dcos-registry-server migrate-storage --from STORAGE --to STORAGE [options]
       dcos-registry-server purge-tombstones [options]

Serves an OCI registry and a DC/OS package repository, out of its storage or, with serve, straight
out of bundles, which it does not copy and only reads; healthcheck asks whether it does, and exits
with 0 when so; migrate-storage moves all to another storage (migrate-storage --help), and
purge-tombstones rids a stopped one of notes about what was deleted (purge-tombstones --help).

Options:
${rows.join("\n")}
  --print-config                  print the configuration in effect and exit
  --version                       print the version and exit
  --help                          print this and exit

Each option can also be a variable (--tls-cert: DCOS_REGISTRY_TLS_CERT) or stand in the JSON file
that --config names ({"tls": {"cert": "…"}}). Flags win over variables, variables over the file.
Relative names in the file count from the file's directory.
`;
}

function remark(option: Option): string {
  const otherwise = defaultOf(option);
  return otherwise ? ` [${otherwise}]` : "";
}

function defaultOf({ otherwise, schema }: Option): string {
  const value: unknown = schema["default"];
  if (otherwise) return otherwise;
  return value === undefined || value === false ? "" : String(value);
}

/** Markdown; one row an option. */
export function optionTable(): string {
  const rows = options.map((option) => {
    const place = option.inFile === false ? "–" : `\`${option.pointer}\``;
    const names = `${place} | \`--${flagOf(option)}\` | \`${variableOf(option)}\``;
    const catalog = catalogOptionOf(option).replace(/[^ ,]+/g, "`$&`") || "–";
    return `| ${names} | ${catalog} | ${defaultOf(option) || "–"} | ${option.summary} |`;
  });
  return [
    "| In the file | Flag | Variable | In the Catalog | Default | What |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/**
 * What is in effect, in the shape of the configuration file, so that it can be used as one. No
 * option holds a secret (they name files that do), so nothing needs to be hidden.
 */
export function printValues(values: ReadonlyMap<string, Value>): string {
  const root: Record<string, unknown> = {};
  for (const { pointer, inFile } of options) {
    const value = values.get(pointer);
    if (value === undefined || inFile === false) continue;
    const [first = "", second] = pointer.slice(1).split("/");
    if (second === undefined) root[first] = value;
    else root[first] = { ...(root[first] as Record<string, Value> | undefined), [second]: value };
  }
  return `${JSON.stringify(root, null, 2)}\n`;
}

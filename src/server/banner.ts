/** What a person sees when the server starts: where it is, whom to trust, what to do first. */
import path from "node:path";
import type { Config } from "../config.ts";
import { nameOf } from "./bucket-name.ts";

export interface Served {
  readonly config: Config;
  readonly developmentCa?: string;
  readonly identified: boolean;
}

/** The first line is read by scripts; keep it as it is. */
export function banner({ config, developmentCa, identified }: Served): string {
  const { host, port } = config.listen;
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const ca = developmentCa && path.relative(process.cwd(), developmentCa);
  const addressed = ca ? ` --url ${url} --ca ${ca}` : ` --url ${url}`;
  return [
    `Listening on ${url}`,
    `Packages and images are kept in ${placeOf(config)}`,
    ...(ca ? [`Clients trust this server by the CA certificate ${ca} (see certs/README.md)`] : []),
    identified
      ? "Writes need a login; reads are open"
      : "No login is configured: only this machine may write (--token-file, --htpasswd)",
    "To bring in a first package, with a catalogue package directory such as ./hello-world/700:",
    "  dcos-registry registry migrate --package-directory=./hello-world/700 --output-directory=.",
    "  dcos-registry registry build --build-definition-file=<name>-<version>.json --output-directory=.",
    `  dcos-registry registry add --dcos-file=<name>-<version>.dcos${addressed}`,
    ca ? "(from a source tree, dcos-registry is: node dist/src/cli.js)" : "",
  ]
    .filter((line) => line !== "")
    .map((line) => `${line}\n`)
    .join("");
}

function placeOf({ s3, storage }: Config): string {
  return s3 ? nameOf(s3) : path.relative(process.cwd(), storage) || ".";
}

/**
 * `certs/make-development-ca [--directory DIR] [NAME…]`: makes the development CA and a server
 * certificate for the names, by the same code as the server does when it starts without one.
 */
import { parseArgs } from "node:util";
import { ensureDevelopmentCertificate } from "./development-certificate.ts";

const defaultNames = [
  "dcos-registry.marathon.l4lb.thisdcos.directory",
  "dcos-registry.marathon.l4lb.thisdcos.global",
];

const { values, positionals } = parseArgs({
  options: { directory: { type: "string", default: "data/tls" } },
  allowPositionals: true,
});
const names = [...defaultNames, "localhost", "127.0.0.1", "::1", ...positionals];
const { ca, cert, key } = await ensureDevelopmentCertificate(values.directory, names);
process.stdout.write(
  `CA, to be trusted: ${ca}\nCertificate:       ${cert}\nKey:               ${key}\n`,
);

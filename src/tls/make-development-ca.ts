/**
 * `certs/make-development-ca [--directory DIR] [NAME…]`: makes the development CA and a server
 * certificate for the names, by the same code as the server does when it starts without one.
 */
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { ensureDevelopmentCertificate } from "./development-certificate.ts";

const usage = "usage: make-development-ca [--directory DIR] [NAME…]   (DNS names and addresses)\n";
const defaultNames = [
  "dcos-registry.marathon.l4lb.thisdcos.directory",
  "dcos-registry.marathon.l4lb.thisdcos.global",
  "localhost",
  "127.0.0.1",
  "::1",
];
const dnsName =
  /^(?=.{1,253}$)(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63})*$/i;

function readArguments(): { directory: string; names: string[] } {
  const { values, positionals } = parseArgs({
    options: { directory: { type: "string", default: "data/tls" } },
    allowPositionals: true,
  });
  const wrong = positionals.find((name) => isIP(name) === 0 && !dnsName.test(name));
  if (wrong !== undefined) throw new TypeError(`"${wrong}" is no DNS name and no address`);
  return { directory: values.directory, names: [...defaultNames, ...positionals] };
}

try {
  const { directory, names } = readArguments();
  const { ca, cert, key } = await ensureDevelopmentCertificate(directory, names);
  process.stdout.write(
    `CA, to be trusted: ${ca}\nCertificate:       ${cert}\nKey:               ${key}\n`,
  );
} catch (error) {
  const isUsage = error instanceof TypeError;
  process.stderr.write(
    `${error instanceof Error ? error.message : error}\n${isUsage ? usage : ""}`,
  );
  process.exitCode = isUsage ? 2 : 1;
}

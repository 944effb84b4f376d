/** Whether the cluster's Cosmos knows the registry as its first repository, and can read all that it knows. */
import type { ClusterRefusal, Repository } from "../activate/dcos-api.ts";
import { CliError } from "../cli-error.ts";
import { type Check, type DoctorFinding, foundOr, skipped } from "./check.ts";
import type { Subject } from "./subject.ts";

export const cosmosCheck: Check = {
  name: "cosmos",
  async run(subject) {
    const { cluster } = subject;
    if (cluster === undefined) return skipped("no cluster is attached");
    const known = await cluster.repositories();
    const uri = `https://${subject.authority}/repo`;
    const findings = [...registered(known, uri, subject), ...(await readable(subject, known))];
    return foundOr(findings, `${uri} is the first repository, and Cosmos reads all of them`);
  },
};

function registered(known: readonly Repository[], uri: string, subject: Subject): DoctorFinding[] {
  const place = known.findIndex((one) => isOf(one, subject.authority));
  const [first] = known;
  const add = `dcos package repo add --index=0 Registry ${uri}`;
  const own = known[place];
  if (own === undefined || first === undefined) {
    const problem = `Cosmos does not know ${uri}`;
    return [{ problem, fix: add }, ...former(known, subject)];
  }
  if (place === 0) return [];
  const problem = `it is repository ${place + 1}: packages of ${first.name} hide those of the same name`;
  const again = `dcos package repo add --index=0 ${own.name} ${own.uri}`;
  return [{ problem, fix: `dcos package repo remove ${own.name} && ${again}` }];
}

/** `/repo/NAME` shows one package of the registry, and is the registry too. */
function isOf({ uri }: Repository, authority: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { protocol, host, pathname } = new URL(uri);
  return protocol === "https:" && host === authority && /^\/repo(?:\/|$)/.test(pathname);
}

/** DC/OS 1.12 called the service `registry`, later ones `dcos-registry`. */
function former(known: readonly Repository[], { place }: Subject): DoctorFinding[] {
  return known
    .filter(({ uri }) => /^https:\/\/(?:dcos-)?registry\.marathon\.l4lb\.thisdcos\./.test(uri))
    .map(({ name, uri }) => ({
      problem: `repository ${name} is ${uri}, a registry of another name than ${place.service ?? place.host}`,
      fix: `dcos package repo remove ${name}; service.former-name keeps the old name alive for services that use it`,
    }));
}

/** The first repository that Cosmos cannot read fails all of its calls. */
async function readable(
  { cluster, signal }: Subject,
  known: readonly Repository[],
): Promise<DoctorFinding[]> {
  try {
    await cluster?.search("package-registry");
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CliError)) throw error;
    const guilty = known.find(({ name, uri }) => mentions(error, name, uri));
    const fix = `dcos package repo remove ${guilty?.name ?? "NAME"}; what Cosmos cannot read takes all packages away`;
    return [{ problem: `Cosmos cannot read its repositories: ${error.message}`, fix }];
  }
}

function mentions({ message }: CliError | ClusterRefusal, name: string, uri: string): boolean {
  return message.includes(`[${name}]`) || message.includes(`'${name}'`) || message.includes(uri);
}

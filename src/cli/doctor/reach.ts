/** The way from this machine to where the registry should be: its name, its addresses. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Outcome, skipped } from "./check.ts";
import type { Place } from "./subject.ts";

/** The system's way, the hosts file included. @returns none when the host is not known */
export async function systemAddresses(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

/** @returns none when the name is not known here */
export async function addressesOf({ host, resolveHost }: Place): Promise<readonly string[]> {
  return isIP(host) === 0 ? resolveHost(host) : [host];
}

/** Connects to the addresses in turn until one answers. @throws what the last one threw */
export async function reach<T>(place: Place, connect: (address: string) => Promise<T>): Promise<T> {
  const [first = place.host, ...others] = await addressesOf(place);
  let attempt = connect(first);
  for (const address of others) attempt = attempt.catch(() => connect(address));
  return attempt;
}

/** For checks that need the name; that it does not resolve is reported by `dns` alone. */
export async function unresolvedHere(place: Place): Promise<Outcome | undefined> {
  if ((await addressesOf(place)).length > 0) return undefined;
  return isElsewhere(place) ? elsewhere(place) : skipped(`${place.host} does not resolve`);
}

/** Whether the name is one that nobody can expect to resolve on this machine. */
export function isElsewhere({ host, onNode }: Place): boolean {
  return !onNode && isClusterName(host);
}

export function isClusterName(host: string): boolean {
  return /\.(?:thisdcos\.(?:directory|global)|mesos)$/.test(host);
}

export function elsewhere({ host }: Place): Outcome {
  return skipped(
    `${host} is known inside of the cluster only: run doctor on one of its nodes, too`,
  );
}

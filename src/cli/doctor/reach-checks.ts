/** Whether the registry's name resolves on this machine, and whether something listens there. */
import { connect, isIP } from "node:net";
import { explainNetworkError } from "../network-error.ts";
import { type Check, fine, found, skipped } from "./check.ts";
import {
  addressesOf,
  elsewhere,
  isClusterName,
  isElsewhere,
  reach,
  unresolvedHere,
} from "./reach.ts";
import type { Place } from "./subject.ts";

const connectTimeoutMs = 5_000;

export const dnsCheck: Check = {
  name: "dns",
  async run({ place }) {
    const { host } = place;
    if (isIP(host) !== 0) return skipped(`${host} is an address and no name`);
    const addresses = await addressesOf(place);
    if (addresses.length > 0) return fine(`${host} is ${addresses.join(", ")}`);
    if (isElsewhere(place)) return elsewhere(place);
    return found(`${host} does not resolve on this machine`, dnsFix(place));
  },
};

export const vipCheck: Check = {
  name: "vip",
  async run({ place, signal }) {
    const { host, port, service } = place;
    const unresolved = await unresolvedHere(place);
    if (unresolved) return unresolved;
    try {
      await reach(place, (address) => knock(address, port, signal));
      return fine(`something listens on ${host}:${port}`);
    } catch (error) {
      signal.throwIfAborted();
      const target = { url: `https://${host}:${port}/`, caFile: undefined, proxy: undefined };
      const { message } = explainNetworkError(error, target) ?? (error as Error);
      return found(message, vipFix(service));
    }
  },
};

/** The address is that of the name server of every node. */
function dnsFix({ host }: Place): string {
  return isClusterName(host)
    ? `sudo systemctl restart dcos-net; if a task of it runs, dig +short ${host} @198.51.100.1 has to find it`
    : "check the spelling of the host and the name server of this machine";
}

/** The load balancer leaves out tasks that are not healthy. */
function vipFix(service: string | undefined): string {
  if (service === undefined) return "start the registry, or check the port and the firewall";
  return `dcos task log ${service.split("/").at(-1)} shows why; only healthy tasks are behind a VIP`;
}

function knock(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect({ host, port, signal, timeout: connectTimeoutMs });
    socket.once("connect", () => {
      socket.destroy();
      done();
    });
    socket.once("timeout", () => {
      socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    });
    socket.once("error", failed);
  });
}

/**
 * Sends all figures to the StatsD that DC/OS names to each task, every ten seconds and at the end.
 *
 * It is told by UDP, so nobody waits for it: datagrams that get lost are missed figures and nothing more.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { setInterval } from "node:timers/promises";
import type { Logger } from "pino";
import type { StatsdAddress } from "../config.ts";
import { StatsdLines } from "./statsd-lines.ts";

/** DC/OS passes on what it was told every thirty seconds. */
const intervalMs = 10_000;
/** Fits into one packet of any network, headers included. */
const datagramBytes = 1400;

/**
 * @param read gives all figures as text of Prometheus
 * @returns a function that sends a last time and ends
 */
export function sendToStatsd(
  address: StatsdAddress,
  read: () => Promise<string>,
  log: Logger,
): () => Promise<void> {
  const sender = new StatsdSender(address, read, log);
  const stop = new AbortController();
  const sending = sender.repeat(stop.signal);
  return async () => {
    stop.abort();
    await sending;
    await sender.send();
    await sender.close();
  };
}

class StatsdSender {
  readonly #address: StatsdAddress;
  readonly #read: () => Promise<string>;
  readonly #log: Logger;
  readonly #lines = new StatsdLines();
  readonly #socket: Socket;
  #failing = false;

  constructor(address: StatsdAddress, read: () => Promise<string>, log: Logger) {
    this.#address = address;
    this.#read = read;
    this.#log = log;
    this.#socket = createSocket(isIPv6(address.host) ? "udp6" : "udp4");
    // Each datagram's own callback tells of it.
    this.#socket.on("error", () => undefined);
  }

  async repeat(signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of setInterval(intervalMs, undefined, { signal })) await this.send();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Failures are logged when they begin and not again before one has worked. */
  async send(): Promise<void> {
    try {
      for (const datagram of datagrams(this.#lines.next(await this.#read()))) {
        await this.#sendOne(datagram);
      }
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log.warn({ err: error }, "figures not sent to StatsD");
      this.#failing = true;
    }
  }

  #sendOne(datagram: string): Promise<void> {
    const { host, port } = this.#address;
    return new Promise((resolve, reject) => {
      this.#socket.send(datagram, port, host, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

/** Lines are ASCII, so characters are bytes; a line that is longer stands alone. */
export function datagrams(lines: readonly string[]): string[] {
  const full: string[] = [];
  let open = "";
  for (const line of lines) {
    const longer = open === "" ? line : `${open}\n${line}`;
    if (longer.length > datagramBytes && open !== "") {
      full.push(open);
      open = line;
    } else {
      open = longer;
    }
  }
  return open === "" ? full : [...full, open];
}

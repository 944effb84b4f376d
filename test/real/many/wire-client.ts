/**
 * One client of many: a connection of its own that it may drop at any byte, in either direction.
 *
 * A request that was cut off has no outcome here: only what was answered counts as acknowledged.
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer;
  /** Drops the connection after this many bytes of the body, sent or received. */
  readonly cut?: { readonly sent: number } | { readonly received: number };
}

export interface Exchanged {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Bytes that came, and their digest. */
  readonly size: number;
  readonly digest: string;
  /** As far as it came, up to 64 KiB: for error envelopes. */
  readonly text: string;
}

export class WireClient {
  readonly #agent: Agent;
  readonly #url: URL;

  constructor(url: string, ca: string) {
    this.#agent = new Agent({ ca, keepAlive: true, maxSockets: 1 });
    this.#url = new URL(url);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @returns undefined when the connection was dropped, by whichever side */
  async exchange(asked: Exchange): Promise<Exchanged | undefined> {
    const { hostname: host, port } = this.#url;
    const { method, path, body, cut } = asked;
    const length = body === undefined ? {} : { "Content-Length": body.byteLength };
    const headers = { ...length, ...asked.headers };
    const sending = request({ host, port, method, path, headers, agent: this.#agent });
    const answered = new Promise<IncomingMessage | undefined>((resolve) => {
      sending.once("response", resolve);
      sending.once("close", () => resolve(undefined));
      sending.on("error", () => resolve(undefined));
    });
    if (cut && "sent" in cut) {
      sending.write(body?.subarray(0, cut.sent) ?? "", () => sending.destroy());
    } else {
      sending.end(body);
    }
    const answer = await answered;
    return answer && receive(answer, cut && "received" in cut ? cut.received : undefined);
  }
}

async function receive(
  answer: IncomingMessage,
  most: number | undefined,
): Promise<Exchanged | undefined> {
  const hash = createHash("sha256");
  let size = 0;
  let text = "";
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.byteLength;
      if (size <= 64 * 1024) text += chunk.toString("latin1");
      if (most !== undefined && size > most) break; // leaves the loop and drops the connection
    }
  } catch {
    return undefined;
  }
  if (!answer.complete) return undefined;
  const { statusCode: status = 0, headers } = answer;
  return { status, headers, size, digest: `sha256:${hash.digest("hex")}`, text };
}

/**
 * Small JSON exchanges with the cluster's services behind Admin Router.
 *
 * Each ends within a fixed time and with a bounded answer, whatever the other side does. Redirects are
 * not followed: a token must not travel to where nobody has sent it.
 */
import { type Dispatcher, request } from "undici";
import { ClusterRefusal, ClusterUnreachable } from "./cluster-error.ts";

export interface ClusterRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Sent as JSON. */
  readonly document?: object;
  /** Of a user or of the service account; sent as DC/OS wants it. */
  readonly token?: string;
}

export interface ClusterAnswer {
  readonly status: number;
  readonly body: string;
}

const answerMs = 15_000;
/** A JWKS, a chain or an error page are far smaller. */
const longestAnswer = 1024 * 1024;

export class ClusterHttp {
  readonly #dispatcher: Dispatcher;
  readonly #answerMs: number;

  /** @param dispatcher knows whom to trust; `patienceMs` bounds each exchange as a whole */
  constructor(dispatcher: Dispatcher, patienceMs = answerMs) {
    this.#dispatcher = dispatcher;
    this.#answerMs = patienceMs;
  }

  /** @throws {ClusterUnreachable} without a whole answer; @throws the signal's reason when it aborts */
  async exchange(asked: ClusterRequest, signal?: AbortSignal): Promise<ClusterAnswer> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const late = setTimeout(() => stop.abort(new AnswerLate()), this.#answerMs);
    try {
      return await this.#send(asked, stop.signal);
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause instanceof ClusterRefusal ? cause : new ClusterUnreachable(asked.url, cause);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #send(
    { method, url, document, token }: ClusterRequest,
    signal: AbortSignal,
  ): Promise<ClusterAnswer> {
    const headers = {
      accept: "application/json",
      ...(document && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `token=${token}` }),
    };
    const { statusCode, body } = await request(url, {
      dispatcher: this.#dispatcher,
      method,
      headers,
      body: document === undefined ? null : JSON.stringify(document),
      signal,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > longestAnswer)
        throw new ClusterRefusal(url, statusCode, "a far too long document");
      chunks.push(chunk);
    }
    return { status: statusCode, body: Buffer.concat(chunks).toString("utf8") };
  }
}

class AnswerLate extends Error {
  readonly code = "ETIMEDOUT";
}

export type Fields = Readonly<Record<string, unknown>>;

/** A JSON object; undefined for everything else, such as the pages of Admin Router. */
export function parseFields(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A text that is there and not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What an error says about itself, for a log: one short line. */
export function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 300);
}

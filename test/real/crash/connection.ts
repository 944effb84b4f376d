/** The way to one life of a server: requests that break off because it was killed are no mistakes. */
import assert from "node:assert/strict";
import type { Answer, ClientRequest } from "../../fixtures/cluster-client.ts";
import { ClusterClient } from "../../fixtures/cluster-client.ts";

/** The server was killed before it answered: what was asked for happened, or did not. */
export class Killed extends Error {}

export class Connection {
  readonly url: string;
  readonly #client: ClusterClient;
  #killing = false;

  constructor(url: string, ca: string) {
    this.url = url;
    this.#client = new ClusterClient(url, ca);
  }

  /** From now on failures are expected. */
  expectKill(): void {
    this.#killing = true;
  }

  /** @throws {Killed} @throws when the status is another one than those wanted */
  async fetch(target: string, wanted: readonly number[], request: ClientRequest = {}) {
    const url = new URL(target, this.url).href;
    let answer: Answer;
    try {
      answer = await this.#client.fetch(url, request);
    } catch (cause) {
      if (this.#killing) throw new Killed();
      throw new Error(`${request.method ?? "GET"} ${target} failed`, { cause });
    }
    const { status, body } = answer;
    const said = `${request.method ?? "GET"} ${target}: ${status} ${body.subarray(0, 500)}`;
    // A worker that loses its parent answers 5xx, or not at all.
    if (this.#killing && status >= 500) throw new Killed();
    assert.ok(wanted.includes(status), said);
    return answer;
  }

  async post<T>(target: string, document: object): Promise<T> {
    const { body } = await this.fetch(target, [200], {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(document),
    });
    return JSON.parse(body.toString()) as T;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

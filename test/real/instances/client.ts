/** A client without connections: each request opens one, and so meets whichever instance is next. */
import { Agent, request } from "undici";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export class FickleClient {
  readonly #agent: Agent;

  constructor(ca: string) {
    this.#agent = new Agent({ connect: { ca }, pipelining: 0, connections: null });
  }

  /** @throws when there is no whole answer */
  async ask(method: string, url: string | URL, { headers, body }: Asked = {}): Promise<Answer> {
    const answer = await request(url, {
      method: method as "GET",
      dispatcher: this.#agent,
      reset: true,
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body: bytes };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

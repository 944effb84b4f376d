/**
 * How long a push takes after its last byte: the closing PUT, which names the digest and sends no
 * bytes, for uploads of different sizes. It should not depend on the size.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Client, type Dispatcher } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import type { Contender } from "./contenders.ts";
import { median, timed } from "./figures.ts";
import type { Row } from "./part.ts";

export interface CommitSizes {
  /** MiB; the last is compared with the first. */
  readonly mebibytes: readonly number[];
  readonly samples: number;
  /** How many times as long the largest may take, on a quiet machine and on any. */
  readonly times: { readonly target: number; readonly floor: number };
}

/** One row for each size, then one that compares. */
export async function* commitLatency(
  contenders: readonly Contender[],
  { mebibytes, samples, times }: CommitSizes,
): AsyncGenerator<Row> {
  const found: Record<string, number>[] = [];
  for (const size of mebibytes) {
    const figures: Record<string, number> = {};
    const raw: Record<string, { ms: number }[]> = {};
    for (const contender of contenders) {
      const runs: number[] = [];
      for (let run = 0; run < samples; run += 1) runs.push(await commitMs(contender, size));
      figures[`ms ${contender.name}`] = median(runs);
      raw[contender.name] = runs.map((ms) => ({ ms }));
    }
    found.push(figures);
    yield { workload: `commit of ${size} MiB`, figures, raw };
  }
  const [first = {}, last = {}] = [found[0], found.at(-1)];
  const figures = Object.fromEntries(
    contenders.map(({ name }) => [`times ${name}`, ratio(last, first, `ms ${name}`)]),
  );
  const figure = "times this";
  yield {
    workload: `commit of ${mebibytes.at(-1)} MiB beside ${mebibytes[0]} MiB`,
    figures,
    target: { figure, atMost: times.target },
    floor: { figure, atMost: times.floor },
  };
}

function ratio(last: Record<string, number>, first: Record<string, number>, name: string): number {
  return (last[name] ?? Number.NaN) / (first[name] ?? Number.NaN);
}

async function commitMs({ url, ca }: Contender, mebibytes: number): Promise<number> {
  const client = new Client(url, { connect: { ca: await readFile(ca, "utf8") } });
  try {
    const body = Buffer.alloc(mebibytes * 1024 * 1024);
    randomBytes(32).copy(body);
    const begun = await ask(client, url, 202, "POST", "/v2/bench/commit/blobs/uploads/");
    const sent = await ask(client, url, 202, "PATCH", `${begun.pathname}${begun.search}`, body);
    sent.searchParams.set("digest", digestOf(body));
    return await timed(() => ask(client, url, 201, "PUT", `${sent.pathname}${sent.search}`));
  } finally {
    await client.close();
  }
}

async function ask(
  client: Client,
  url: string,
  status: number,
  method: Dispatcher.HttpMethod,
  path: string,
  body?: Buffer,
): Promise<URL> {
  const headers = body ? { "content-type": "application/octet-stream" } : {};
  const answer = await client.request({ method, path, headers, ...(body && { body }) });
  const text = await answer.body.text();
  if (answer.statusCode !== status) throw new Error(`${method}: ${answer.statusCode} ${text}`);
  return new URL(String(answer.headers["location"]), url);
}

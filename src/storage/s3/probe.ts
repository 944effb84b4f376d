/**
 * Finds out at start whether a store can arbitrate between writers, by trying it.
 *
 * That a condition is accepted proves nothing: several stores ignore it, others look before they have
 * the body and write whatever came in between. So each kind is tried in order and then with two
 * writers whose bodies overlap. What it writes lies under keys of its own and is removed again.
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Revision } from "../object-store.ts";
import { type EtagStyle, matching, revisionOf } from "./conditional-writes.ts";
import type { S3Connection } from "./s3-client.ts";
import { S3RequestFailed, storeError } from "./s3-error.ts";

/** What the store can do: arbitrate, or the step at which it turned out that it cannot. */
export type Verdict =
  | { readonly arbitrates: true; readonly etagStyle: EtagStyle }
  | { readonly arbitrates: false; readonly failedStep: string };

export interface ProbeOptions {
  /** Whether writers that overlap are tried, too: once for a server is enough. */
  readonly overlap: boolean;
}

/** Pairs of overlapping writers of each kind. */
const pairs = 8;
/** How long both halves of a pair are held back, for the server to look at the condition. */
const holdMs = 100;
const bodyBytes = 4096;

/** @throws {StoreUnavailable | StoreFull} when the store cannot be reached, read or written */
export async function probe(connection: S3Connection, options: ProbeOptions): Promise<Verdict> {
  const probing = new Probing(connection);
  try {
    return await probing.run(options);
  } catch (error) {
    if (error instanceof StepFailed) return { arbitrates: false, failedStep: error.message };
    throw error instanceof S3RequestFailed ? storeError("probe of the bucket", error) : error;
  } finally {
    await probing.cleanUp();
  }
}

/** The store is no arbiter; the message is the step, in words for an operator. */
class StepFailed extends Error {}

type Condition = { readonly IfNoneMatch?: string; readonly IfMatch?: string };
/** `refused` is an answer that a loser gets; anything else that is no success is `unsupported`. */
type Outcome = { readonly revision: Revision } | "refused" | "unsupported";

class Probing {
  readonly #connection: S3Connection;
  readonly #place = `.probe/${randomBytes(9).toString("hex")}`;
  readonly #written = new Set<string>();

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  async run({ overlap }: ProbeOptions): Promise<Verdict> {
    const first = await this.#createOnce();
    const etagStyle = await this.#replaceOnce(first);
    await this.#replaceAbsent(etagStyle);
    if (overlap) {
      await this.#overlapping("create", etagStyle);
      await this.#overlapping("replace", etagStyle);
    }
    return { arbitrates: true, etagStyle };
  }

  async cleanUp(): Promise<void> {
    const removing = [...this.#written].map((name) =>
      this.#connection.send(new DeleteObjectCommand(this.#target(name))).catch(() => undefined),
    );
    await Promise.all(removing);
  }

  async #createOnce(): Promise<Revision> {
    const created = await this.#put("one", "first", { IfNoneMatch: "*" });
    if (created === "unsupported") throw new StepFailed("create if absent: not supported");
    if (created === "refused") throw new StepFailed("create if absent: refused on a new key");
    const again = await this.#put("one", "second", { IfNoneMatch: "*" });
    if (again === "unsupported") throw new StepFailed("create if absent: not supported");
    if (again !== "refused" || (await this.#content("one")) !== "first") {
      throw new StepFailed("create if absent: an existing object was replaced");
    }
    return created.revision;
  }

  /** @returns the form of the ETag with which it works */
  async #replaceOnce(first: Revision): Promise<EtagStyle> {
    for (const style of ["quoted", "unquoted"] as const) {
      const replaced = await this.#put("one", "third", { IfMatch: matching(first, style) });
      if (replaced === "unsupported") throw new StepFailed("replace if unchanged: not supported");
      if (replaced === "refused") continue;
      const late = await this.#put("one", "fourth", { IfMatch: matching(first, style) });
      if (late !== "refused" || (await this.#content("one")) !== "third") {
        throw new StepFailed("replace if unchanged: a changed object was replaced");
      }
      return style;
    }
    throw new StepFailed("replace if unchanged: refused with the current ETag");
  }

  async #replaceAbsent(style: EtagStyle): Promise<void> {
    const ghost = matching("d41d8cd98f00b204e9800998ecf8427e" as Revision, style);
    const created = await this.#put("absent", "x", { IfMatch: ghost });
    if (created === "refused") return;
    throw new StepFailed("replace if unchanged: an object was created where none was");
  }

  /** Two writers at a time, each with the right condition at its start: exactly one may win. */
  async #overlapping(kind: "create" | "replace", style: EtagStyle): Promise<void> {
    const names = Array.from({ length: pairs }, (_, number) => `${kind}-${number}`);
    await Promise.all(names.map((name) => this.#pair(kind, name, style)));
  }

  async #pair(kind: "create" | "replace", name: string, style: EtagStyle): Promise<void> {
    const condition = await this.#conditionFor(kind, name, style);
    const gate = new Gate(2);
    const bodies = ["a", "b"];
    const outcomes = await Promise.all(
      bodies.map((letter) => this.#put(name, letter.repeat(bodyBytes), condition, gate)),
    );
    const winners = bodies.filter((_, writer) => typeof outcomes[writer] === "object");
    const content = await this.#content(name);
    if (winners.length !== 1 || content !== winners[0]?.repeat(bodyBytes)) {
      throw new StepFailed(`${kind}: two writers at the same time, ${winners.length} accepted`);
    }
  }

  async #conditionFor(
    kind: "create" | "replace",
    name: string,
    style: EtagStyle,
  ): Promise<Condition> {
    if (kind === "create") return { IfNoneMatch: "*" };
    const start = await this.#put(name, "start", {});
    if (typeof start !== "object") throw new StepFailed("a plain write was refused");
    return { IfMatch: matching(start.revision, style) };
  }

  /** @param gate holds the second half of the body back until the other writer has sent its first */
  async #put(name: string, text: string, condition: Condition, gate?: Gate): Promise<Outcome> {
    this.#written.add(name);
    const body = Buffer.from(text);
    const command = new PutObjectCommand({
      ...this.#target(name),
      Body: gate ? Readable.from(halves(body, gate)) : body,
      ContentLength: body.byteLength,
      ...condition,
    });
    try {
      const { ETag } = await this.#connection.send(command, { way: "once" });
      const revision = revisionOf(ETag) ?? (await this.#revision(name));
      return { revision };
    } catch (error) {
      return refusal(error, gate !== undefined);
    } finally {
      gate?.leave();
    }
  }

  async #revision(name: string): Promise<Revision> {
    const { ETag } = await this.#get(name);
    return revisionOf(ETag) ?? ("" as Revision);
  }

  async #content(name: string): Promise<string | undefined> {
    const { Body } = await this.#get(name);
    return Body?.transformToString("latin1");
  }

  #get(name: string) {
    return this.#connection.send(new GetObjectCommand(this.#target(name)));
  }

  #target(name: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#connection;
    return { Bucket: bucket, Key: `${prefix}${this.#place}/${name}` };
  }
}

/** Not implemented, method not allowed, or a header that is no good. */
const unsupported = new Set([400, 405, 501]);

/** @throws what says nothing about conditions */
function refusal(error: unknown, overlapping: boolean): "refused" | "unsupported" {
  if (!(error instanceof S3RequestFailed)) throw error;
  if (error.isConflict) return "refused";
  if (overlapping && error.status === 500) return "refused"; // as Ceph says to some losers
  if (unsupported.has(error.status ?? 0)) return "unsupported";
  throw error;
}

/** Where writers meet in the middle of their bodies. */
class Gate {
  #missing: number;
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(writers: number) {
    this.#missing = writers;
  }

  async pass(): Promise<void> {
    this.leave();
    await this.#opened;
    await sleep(holdMs);
  }

  /** Who will not come any more does not keep the other waiting. */
  leave(): void {
    this.#missing -= 1;
    if (this.#missing <= 0) this.#open();
  }
}

async function* halves(body: Buffer, gate: Gate): AsyncGenerator<Buffer> {
  const middle = body.byteLength >> 1;
  yield body.subarray(0, middle);
  await gate.pass();
  yield body.subarray(middle);
}

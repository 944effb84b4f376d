/** Opens an S3 store: connection, probe, and the way of writing that the probe allows. */
import { ProcessConditions, StoreConditions } from "./conditional-writes.ts";
import { type ProbeOptions, probe, type Verdict } from "./probe.ts";
import { S3Connection } from "./s3-client.ts";
import type { S3Options } from "./s3-options.ts";
import { S3Store } from "./s3-store.ts";

export interface OpenedS3 {
  readonly store: S3Store;
  readonly connection: S3Connection;
  readonly verdict: Verdict;
}

/** What is said of a store that nobody will write to. */
const unwritten: Verdict = { arbitrates: true, etagStyle: "quoted" };

/**
 * A store that cannot arbitrate is opened for one process; whether that will do, the caller knows.
 *
 * @param probing `none` for who only reads, and may not be allowed to write
 * @throws {StoreUnavailable | StoreFull} when the bucket cannot be reached, read or written
 */
export async function openS3(
  options: S3Options,
  probing: ProbeOptions | "none",
): Promise<OpenedS3> {
  const connection = new S3Connection(options);
  const verdict = await tried(connection, probing);
  return { store: storeFor(connection, verdict), connection, verdict };
}

/** For who knows the verdict already. */
export function storeFor(connection: S3Connection, verdict: Verdict): S3Store {
  const conditions = verdict.arbitrates
    ? new StoreConditions(connection, verdict.etagStyle)
    : new ProcessConditions(connection);
  // Stores that arbitrate are consistent in their listings as well; of others nothing is known.
  return new S3Store({ connection, conditions, listsEveryKey: verdict.arbitrates });
}

async function tried(connection: S3Connection, probing: ProbeOptions | "none"): Promise<Verdict> {
  if (probing === "none") return unwritten;
  try {
    return await probe(connection, probing);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** What disks do to what is stored: flipped bits, lost ends, lost files. */
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { collect } from "../../storage/bytes.ts";

export type Harm = (bytes: Buffer) => Buffer | undefined;

export const harms: Readonly<Record<string, Harm>> = {
  "a flipped bit": (bytes) => {
    const flipped = Buffer.from(bytes);
    const at = Math.floor(bytes.byteLength / 2);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    return flipped;
  },
  "a lost end": (bytes) => bytes.subarray(0, Math.floor(bytes.byteLength / 2)),
  "nothing left in it": () => Buffer.alloc(0),
  "bytes behind its end": (bytes) => Buffer.concat([bytes, Buffer.from("more")]),
  "a missing file": () => undefined,
};

export async function harmData(store: ObjectStore, key: string, harm: Harm): Promise<void> {
  const harmed = harm(await collect(await store.read(key)));
  if (harmed === undefined) return store.delete(key);
  const staged = await store.stage(key);
  await staged.append(harmed);
  await staged.commit();
}

export async function harmDocument(store: ObjectStore, key: string, harm: Harm): Promise<void> {
  const found = await store.load(key);
  if (found === undefined) throw new Error(`there is no ${key}`);
  const harmed = harm(found.bytes);
  if (harmed === undefined) await store.delete(key);
  else await store.save(key, harmed, { revision: found.revision });
}

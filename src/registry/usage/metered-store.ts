/**
 * The same store, which tells a meter of all content that comes in, byte for byte while it comes.
 *
 * What is deleted is told only where this process wrote it a while ago itself, as the parts of an
 * upload that became one; the next count sees the rest.
 */
import { BoundedMap } from "../../storage/bounded-map.ts";
import { ForwardingStore } from "../../storage/forwarding-store.ts";
import type {
  ObjectStore,
  Precondition,
  Revision,
  StagedWrite,
} from "../../storage/object-store.ts";
import { layout } from "../layout.ts";
import type { UsageMeter } from "./usage-meter.ts";

/** Keys whose sizes are remembered. */
const remembered = 10_000;

export class MeteredStore extends ForwardingStore {
  readonly #meter: UsageMeter;
  readonly #written = new BoundedMap<string, { size: number; count: number }>(remembered);

  constructor(inner: ObjectStore, meter: UsageMeter) {
    super(inner);
    this.#meter = meter;
  }

  override async save(
    key: string,
    bytes: Uint8Array,
    precondition: Precondition,
  ): Promise<Revision> {
    const revision = await super.save(key, bytes, precondition);
    // Records hold small content. One that is replaced mostly keeps its size.
    if ("absent" in precondition && key.startsWith(layout.records)) {
      this.#meter.add(bytes.byteLength);
    }
    return revision;
  }

  override async stage(key: string): Promise<StagedWrite> {
    const staged = await super.stage(key);
    const growing = this.#meter.grow();
    return {
      append: (chunk) => {
        growing.add(chunk.byteLength);
        return staged.append(chunk);
      },
      commit: async () => {
        const size = await staged.commit();
        growing.commit();
        this.#written.set(key, { size, count: this.#meter.count }, 1);
        return size;
      },
      abort: async () => {
        growing.abort();
        await staged.abort();
      },
    };
  }

  override async delete(key: string): Promise<void> {
    await super.delete(key);
    const written = this.#written.get(key);
    this.#written.delete(key);
    // A count since then may have come behind the deletion.
    if (written?.count === this.#meter.count) this.#meter.remove(written.size);
  }
}

/**
 * Whether there is room for what a client wants to bring, asked before a byte of it is taken.
 *
 * A store that fills up to its last block can neither finish what it began nor delete: a delete
 * writes a tombstone first. So writers stop at a floor, and deletes, readers and the collector go on
 * below it.
 */
import { ForwardingStore } from "./forwarding-store.ts";
import type { ObjectStore, StagedWrite } from "./object-store.ts";
import type { StoreFull } from "./store-error.ts";

export interface Room {
  /**
   * @param bytes that are announced; 0 where nothing is known
   * @throws {StoreFull} when they do not fit, or nothing does
   */
  require(bytes?: number): Promise<void>;

  /** Whether nothing fits any more, as far as is known without asking anybody. */
  refusal(): StoreFull | undefined;
}

/** Room where all of these have room. */
export function roomInAll(rooms: readonly Room[]): Room {
  return {
    require: async (bytes) => {
      for (const room of rooms) await room.require(bytes);
    },
    refusal: () => {
      for (const room of rooms) {
        const refusal = room.refusal();
        if (refusal) return refusal;
      }
      return undefined;
    },
  };
}

/**
 * The same store, in which data stops growing where the room ends, also in the middle of an upload of
 * unknown length. Documents are taken to the last block: removing needs them.
 */
export class StoreWithinRoom extends ForwardingStore {
  readonly #room: Room;

  constructor(inner: ObjectStore, room: Room) {
    super(inner);
    this.#room = room;
  }

  override async stage(key: string): Promise<StagedWrite> {
    await this.#room.require();
    const staged = await super.stage(key);
    return {
      append: (chunk) => {
        const refusal = this.#room.refusal();
        return refusal ? Promise.reject(refusal) : staged.append(chunk);
      },
      commit: () => staged.commit(),
      abort: () => staged.abort(),
    };
  }
}

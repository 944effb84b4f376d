/**
 * Entries of referrers whose manifest was deleted: their annotations may be as large as manifests.
 *
 * An entry goes from the version that was read before its manifest's link was found to be deleted.
 * Whoever puts the manifest again writes its entry behind the link, and that makes it stale. What is
 * left is a tombstone, since the name can come back.
 */
import { unlessChanged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { layout, linkOfReferrer } from "../layout.ts";
import type { ManifestLink } from "../manifest-link.ts";
import { type Entry, noEntry } from "../referrers.ts";
import type { Cycle } from "./cycle.ts";
import { FingerprintTable, fingerprintOfText } from "./fingerprint-table.ts";
import { type ListedKey, listPages } from "./listing.ts";

export class ReferrerSweeper {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #isLinked: (link: string) => boolean;
  /** Stamps of those that were cleared before. */
  #cleared = new FingerprintTable(1);

  /** @param isLinked whether this link was there when the links were last scanned */
  constructor(store: ObjectStore, documents: Documents, isLinked: (link: string) => boolean) {
    this.#store = store;
    this.#documents = documents;
    this.#isLinked = isLinked;
  }

  async sweep(cycle: Cycle): Promise<void> {
    const next = new FingerprintTable(1, this.#cleared.size);
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    for await (const page of listPages(listing, layout.allReferrers)) {
      const candidates = page.filter(({ key }) => !this.#isLinked(linkKeyOf(key)));
      await cycle.pace.each(candidates, (listed) =>
        cycle.tolerate(() => this.#visit(listed, next, cycle)),
      );
    }
    this.#cleared = next;
  }

  async #visit({ key, stamp }: ListedKey, next: FingerprintTable, cycle: Cycle): Promise<void> {
    const name = fingerprintOfText(key);
    const stamped = stamp === undefined ? 0 : fingerprintOfText(stamp);
    if (stamped !== 0 && this.#cleared.get(name, 0) === stamped) return next.set(name, stamped);
    await cycle.next();
    const entry = await this.#documents.readOver<Entry>(key, noEntry);
    if (entry === undefined) return;
    if (!("digest" in entry.value)) return next.set(name, stamped);
    await cycle.next();
    const link = await this.#documents.read<ManifestLink>(linkKeyOf(key));
    if (!cycle.acting || (link !== undefined && link.value.state !== "deleted")) return;
    await cycle.next();
    const cleared = await this.#documents
      .replace<Entry>(entry, { value: noEntry })
      .catch(unlessChanged);
    if (cleared) cycle.report.tidied += 1;
  }
}

function linkKeyOf(key: string): string {
  const { repository, digest } = linkOfReferrer(key);
  return layout.link(repository, digest);
}

/**
 * What is left of tags: hints that no tombstone names, and tags of packages that are here no more.
 *
 * A hint goes after its tag was written anew, so that no delete under way can still name it. A
 * package's tag goes from exactly the version that was seen before the packages were scanned: whoever
 * publishes claims it anew behind his entry, and that makes the version stale.
 */

import { DocumentCache } from "../../storage/document-cache.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore, Revision } from "../../storage/object-store.ts";
import { RecentDocuments } from "../../storage/recent-documents.ts";
import { layout, type PlacedTag, tagOfKey } from "../layout.ts";
import { TagDocuments } from "../tag-document.ts";
import type { Cycle } from "./cycle.ts";
import { FingerprintTable, fingerprintOfHex, fingerprintOfText } from "./fingerprint-table.ts";
import type { LinkOwner } from "./link-roots.ts";
import { type ListedKey, listPages } from "./listing.ts";
import type { RootSource } from "./roots.ts";

/** Columns of hints. */
const sinceAt = 0;
const stampAt = 1;

/** Hints looked at in one cycle; the others wait for the next ones. */
const mostHints = 10_000;

interface PackageTag {
  readonly at: PlacedTag;
  readonly revision: Revision;
  readonly stamp: string | undefined;
}

interface DueHint {
  readonly key: string;
  readonly at: PlacedTag;
  readonly name: number;
  /** Of the tag's document in the listing; 0 where it is not known. */
  readonly stamp: number;
}

/** What one scan has seen, to be compared by the next one. */
class SeenTags {
  readonly ofPackages = new Map<string, PackageTag>();
  /** Stamps of tags whose names packages could have, and that are nobody's but clients'. */
  readonly others: FingerprintTable;
  /** Since when each hint is there, and the stamp of its tag when that was found to name it. */
  readonly hints: FingerprintTable;
  readonly due: DueHint[] = [];

  constructor(before?: SeenTags) {
    this.others = new FingerprintTable(1, before?.others.size);
    this.hints = new FingerprintTable(2, before?.hints.size);
  }
}

export class TagSweeper implements RootSource {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #tags: TagDocuments;
  readonly #owner: LinkOwner | undefined;
  #seen = new SeenTags();

  /** @param owner of the tags of packages; without it they stay */
  constructor(store: ObjectStore, documents: Documents, owner?: LinkOwner) {
    const uncached = new RecentDocuments(documents, new DocumentCache({ maxAgeMs: 0 }));
    this.#store = store;
    this.#documents = documents;
    this.#tags = new TagDocuments(documents, uncached);
    this.#owner = owner;
  }

  /** Marks nothing: tags are no roots. In front of the packages' scan, and changes nothing yet. */
  async scan(_marks: unknown, cycle: Cycle): Promise<void> {
    const next = new SeenTags(this.#seen);
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    let last: ListedKey | undefined;
    for await (const page of listPages(listing, layout.allTags)) {
      const candidates: ListedKey[] = [];
      for (const listed of page) {
        const at = tagOfKey(listed.key);
        if (at.hint !== undefined) this.#noteHint(listed.key, at, last, next, cycle);
        else last = listed;
        if (at.hint === undefined && this.#owner?.mayOwnTag(at.tag)) candidates.push(listed);
      }
      await cycle.pace.each(candidates, (listed) =>
        cycle.tolerate(() => this.#look(listed, next, cycle)),
      );
    }
    this.#seen = next;
  }

  async tidy(cycle: Cycle): Promise<void> {
    const { ofPackages, due } = this.#seen;
    const left = [...ofPackages.values()].filter(
      ({ at }) => !this.#owner?.ownsTag(at.repository, at.tag),
    );
    await cycle.pace.each(left, (tag) => cycle.tolerate(() => this.#disown(tag, cycle)));
    await cycle.pace.each(due.splice(0), (hint) =>
      cycle.tolerate(() => this.#sweepHint(hint, cycle)),
    );
  }

  /** Hints stand directly behind their tag. */
  #noteHint(
    key: string,
    at: PlacedTag,
    last: ListedKey | undefined,
    next: SeenTags,
    cycle: Cycle,
  ): void {
    const name = fingerprintOfHex(at.hint ?? "");
    const tagKey = layout.tag(at.repository, at.tag);
    const stamp = last?.key === tagKey ? stampOf(last) : 0;
    const known = this.#seen.hints.has(name);
    const since = known ? this.#seen.hints.get(name, sinceAt) : cycle.now();
    const named = this.#seen.hints.get(name, stampAt);
    next.hints.set(name, since, named);
    if (named !== 0 && named === stamp) return;
    if (known && cycle.watched(since, cycle.ages.orphanMs) && next.due.length < mostHints) {
      next.due.push({ key, at, name, stamp });
    }
  }

  async #look(listed: ListedKey, next: SeenTags, cycle: Cycle): Promise<void> {
    const { key, stamp } = listed;
    const name = fingerprintOfText(key);
    const before = this.#seen.ofPackages.get(key);
    if (before && stamp !== undefined && before.stamp === stamp) {
      next.ofPackages.set(key, before);
      return;
    }
    const known = this.#seen.others.get(name, 0);
    if (known !== 0 && known === stampOf(listed)) return next.others.set(name, known);
    await cycle.next();
    const at = tagOfKey(key);
    const found = await this.#tags.readVersion(at.repository, at.tag);
    if (found?.live?.ofPackage) next.ofPackages.set(key, { at, revision: found.revision, stamp });
    else next.others.set(name, stampOf(listed));
  }

  async #disown({ at, revision }: PackageTag, cycle: Cycle): Promise<void> {
    if (!cycle.acting) return;
    await cycle.next();
    if (await this.#tags.disown(at.repository, at.tag, revision)) cycle.report.tidied += 1;
  }

  async #sweepHint({ key, at, name, stamp }: DueHint, cycle: Cycle): Promise<void> {
    if (!cycle.acting) return;
    await cycle.next();
    const outcome = await this.#tags.fenceHint(at.repository, at.tag, key);
    if (outcome === "named" && stamp !== 0) {
      this.#seen.hints.set(name, this.#seen.hints.get(name, sinceAt), stamp);
    }
    if (outcome !== "fenced") return;
    await this.#documents.remove(key);
    cycle.report.tidied += 1;
  }
}

function stampOf({ stamp }: ListedKey): number {
  return stamp === undefined ? 0 : fingerprintOfText(stamp);
}

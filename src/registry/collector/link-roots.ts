/**
 * Manifest links as the collector sees them: what they keep alive, and which of them have to go.
 *
 * A link that cannot be read, or is no link, ends the cycle: what it keeps is not known then. Links go
 * from exactly the version that was seen before it was known that nobody wants them.
 */
import { type Digest, isDigest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/reference.ts";
import { DocumentCache } from "../../storage/document-cache.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { RecentDocuments } from "../../storage/recent-documents.ts";
import { ObjectDamaged } from "../../storage/store-error.ts";
import { layout, linkOfKey } from "../layout.ts";
import { type ManifestLink, ManifestLinks } from "../manifest-link.ts";
import type { Cycle } from "./cycle.ts";
import { fingerprintOf } from "./fingerprint-table.ts";
import type { Marks, RootSource } from "./roots.ts";
import { type Watched, WatchedDocuments } from "./watched-documents.ts";

/** Whoever makes links that belong to something else. Asked behind a scan of its roots. */
export interface LinkOwner {
  ownsLink(repository: RepositoryName, digest: Digest): boolean;
  ownsTag(repository: RepositoryName, tag: string): boolean;
  /** Whether what it makes could have this name; asked at any time. */
  mayOwnTag(tag: string): boolean;
}

interface SeenLink {
  readonly state: ManifestLink["state"];
  /** Fingerprints of what it keeps alive. */
  readonly closure: Float64Array;
  readonly ofPackage: boolean;
  readonly twinOf?: readonly Digest[];
}

const nothing = new Float64Array(0);

export class LinkRoots implements RootSource {
  readonly #links: ManifestLinks;
  readonly #watched: WatchedDocuments<ManifestLink, SeenLink>;
  readonly #owner: LinkOwner | undefined;

  /** @param owner of the links of packages; without it they stay */
  constructor(store: ObjectStore, documents: Documents, owner?: LinkOwner) {
    const uncached = new RecentDocuments(documents, new DocumentCache({ maxAgeMs: 0 }));
    this.#links = new ManifestLinks(documents, uncached);
    this.#watched = new WatchedDocuments(store, documents, { prefix: layout.links, keep: seen });
    this.#owner = owner;
  }

  async scan(marks: Marks, cycle: Cycle): Promise<void> {
    await this.#watched.scan(cycle, ({ kept: { state, closure } }) => {
      marks.addFingerprints(closure);
      if (state !== "deleted") cycle.report.roots += 1;
    });
  }

  /** Whether it kept something when the links were last scanned. */
  readonly isLinked = (key: string): boolean =>
    (this.#watched.of(key)?.kept.state ?? "deleted") !== "deleted";

  async tidy(cycle: Cycle): Promise<void> {
    for (const link of this.#watched.all) {
      const { kept, sinceMs } = link;
      if (kept.state === "pending") {
        // A writer that is only slow finds its link gone, and starts again.
        const givenUp = cycle.watched(sinceMs, cycle.ages.graceMs);
        if (givenUp) await cycle.tolerate(() => this.#expire(link, cycle));
      } else if (kept.twinOf) {
        await cycle.tolerate(() => this.#releaseTwin(link.key, kept.twinOf ?? [], cycle));
      } else if (kept.ofPackage && !this.#isOwned(link.key)) {
        await cycle.tolerate(() => this.#disown(link, cycle));
      }
    }
  }

  async #expire(link: Watched<SeenLink>, cycle: Cycle): Promise<void> {
    const expired = await this.#watched.change(link, cycle, () => ({ state: "deleted" }));
    if (expired) cycle.report.expired += 1;
  }

  #isOwned(key: string): boolean {
    const { repository, digest } = linkOfKey(key);
    return this.#owner?.ownsLink(repository, digest) ?? true;
  }

  /** No package has it any more, or none ever got it. What a client has put as well stays with him. */
  async #disown(link: Watched<SeenLink>, cycle: Cycle): Promise<void> {
    const changed = await this.#watched.change(link, cycle, (value) => {
      if (value.state === "deleted") return undefined;
      const { ofPackage: _, ofClient, ...facts } = value;
      if (ofClient) return facts;
      return { state: "deleted", ...(facts.twin && { twin: facts.twin }) };
    });
    if (changed) cycle.report.tidied += 1;
  }

  /** A delete that broke off left the twin behind the manifest that it was rendered from. */
  async #releaseTwin(key: string, originals: readonly Digest[], cycle: Cycle): Promise<void> {
    const { repository, digest } = linkOfKey(key);
    for (const of of originals) {
      if (this.#watched.of(layout.link(repository, of))?.kept.state === "committed") continue;
      if (!cycle.acting) return;
      await cycle.next();
      await this.#links.releaseTwin(repository, digest, of);
      cycle.report.tidied += 1;
    }
  }
}

function seen(key: string, link: ManifestLink): SeenLink {
  if (link.state === "deleted") return { state: link.state, closure: nothing, ofPackage: false };
  const known = link.state === "pending" || link.state === "committed";
  if (!known || !Array.isArray(link.closure) || !link.closure.every(isDigest)) {
    throw new ObjectDamaged(key, "it is no manifest link");
  }
  return {
    state: link.state,
    closure: Float64Array.from(link.closure, fingerprintOf),
    ofPackage: link.ofPackage ?? false,
    ...(link.twinOf && { twinOf: link.twinOf }),
  };
}

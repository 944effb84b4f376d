/**
 * Manifest links as the collector sees them: what they keep alive, and which of them were given up.
 *
 * A link that cannot be read, or is no link, ends the cycle: what it keeps is not known then.
 */
import { isDigest } from "../../oci/digest.ts";
import type { Documents } from "../../storage/document.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { ObjectDamaged } from "../../storage/store-error.ts";
import { layout } from "../layout.ts";
import type { ManifestLink } from "../manifest-link.ts";
import type { Cycle } from "./cycle.ts";
import { fingerprintOf } from "./fingerprint-table.ts";
import type { Marks, RootSource } from "./roots.ts";
import { WatchedDocuments } from "./watched-documents.ts";

interface SeenLink {
  readonly state: ManifestLink["state"];
  /** Fingerprints of what it keeps alive. */
  readonly closure: Float64Array;
}

const nothing = new Float64Array(0);

export class LinkRoots implements RootSource {
  readonly #links: WatchedDocuments<ManifestLink, SeenLink>;

  constructor(store: ObjectStore, documents: Documents) {
    this.#links = new WatchedDocuments(store, documents, { prefix: layout.links, keep: seen });
  }

  async scan(marks: Marks, cycle: Cycle): Promise<void> {
    await this.#links.scan(cycle, ({ kept: { state, closure } }) => {
      marks.addFingerprints(closure);
      if (state !== "deleted") cycle.report.roots += 1;
    });
  }

  /** A writer that is only slow finds its link gone, and starts again. */
  async tidy(cycle: Cycle): Promise<void> {
    const givenUp = [...this.#links.all].filter(
      ({ kept, sinceMs }) => kept.state === "pending" && cycle.watched(sinceMs, cycle.ages.graceMs),
    );
    await cycle.pace.each(givenUp, (link) =>
      cycle.tolerate(async () => {
        const expired = await this.#links.change(link, cycle, () => ({ state: "deleted" }));
        if (expired) cycle.report.expired += 1;
      }),
    );
  }
}

function seen(key: string, link: ManifestLink): SeenLink {
  if (link.state === "deleted") return { state: link.state, closure: nothing };
  const known = link.state === "pending" || link.state === "committed";
  if (!known || !Array.isArray(link.closure) || !link.closure.every(isDigest)) {
    throw new ObjectDamaged(key, "it is no manifest link");
  }
  return { state: link.state, closure: Float64Array.from(link.closure, fingerprintOf) };
}

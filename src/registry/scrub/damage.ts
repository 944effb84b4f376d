/** What a scrub finds: content and documents that are not what they should be. */
import type { Digest } from "../../oci/digest.ts";

export interface KeptData {
  /** Where what was left of the content is kept for the operator. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

export interface Damage {
  /** The document that is damaged, or that named damaged content. */
  readonly key: string;
  /** Of content; absent for other documents. */
  readonly digest?: Digest;
  readonly why: string;
  /** ISO 8601, by the clock of the instance that found it. */
  readonly foundAt: string;
  /** Manifests that need this content, as `<repository>@<digest>`; some of them when they are many. */
  readonly neededBy?: readonly string[];
  readonly kept?: readonly KeptData[];
}

/** Digests of content first, then keys of documents. */
export function subjectOf({ digest, key }: Damage): string {
  return digest ?? key;
}

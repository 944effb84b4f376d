/**
 * Why a manifest is linked: because somebody put it, or only as the twin of another.
 *
 * One digest can be both, in any order, and the twin of several manifests. A role says what it adds
 * to a link that is made for it, and to one that is there already.
 */
import type { Digest } from "../oci/digest.ts";
import type { LinkFacts } from "./manifest-link.ts";

export interface LinkRole {
  first(facts: LinkFacts): LinkFacts;
  again(link: LinkFacts): LinkFacts;
}

export interface PutOptions {
  /** The link then changes with the package only. */
  readonly ofPackage: boolean;
  readonly twin?: Digest;
}

export function putItself({ ofPackage, twin }: PutOptions): LinkRole {
  const revise = ({ twinOf: _, ...facts }: LinkFacts): LinkFacts => ({
    ...facts,
    ...(ofPackage && { ofPackage }),
    ...(twin && { twin }),
  });
  return {
    first: revise,
    again: (link) => {
      const other = ofPackage ? !link.ofPackage && !link.twinOf : link.ofPackage;
      return { ...revise(link), ...(other && { ofClient: true }) };
    },
  };
}

/** @param ofPackage a twin is as protected as what it was rendered from */
export function twinOf(manifest: Digest, ofPackage: boolean): LinkRole {
  const owned = ofPackage ? { ofPackage } : {};
  return {
    first: (facts) => ({ ...facts, twinOf: [manifest], ...owned }),
    again: (link) => {
      const known = link.twinOf;
      if (known === undefined) return { ...link, ...owned };
      const all = known.includes(manifest) ? known : [...known, manifest];
      return { ...link, twinOf: all, ...owned };
    },
  };
}

/**
 * The contract of the ObjectStore port: every adapter runs this suite unchanged.
 *
 * Sentences about behaviour only, nothing about any adapter. Each test ends by checking that no
 * staged data, lock or open file is left.
 */
import { afterEach, beforeEach, describe } from "node:test";
import { describeData } from "./contract-data.ts";
import { describeDocuments } from "./contract-documents.ts";
import { describeKeys } from "./contract-keys.ts";
import { describeListing } from "./contract-listing.ts";
import { closeClean, type OpenStore, type StoreUnderTest } from "./store-under-test.ts";

/** The store of the test that runs now. */
export type Tested = () => StoreUnderTest;

export function describeObjectStore(name: string, open: OpenStore): void {
  describe(`ObjectStore contract: ${name}`, () => {
    let tested: StoreUnderTest;
    beforeEach(async () => {
      tested = await open();
    });
    afterEach(() => closeClean(tested));

    describeKeys(() => tested);
    describeDocuments(() => tested);
    describeData(() => tested);
    describeListing(() => tested);
  });
}

/** Protects the document that every pull of a blob reads: deleting blobs cannot make it any length. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { mostHidden } from "../../src/registry/hidden-blobs.ts";
import { layout } from "../../src/registry/layout.ts";
import { TooManyHidden } from "../../src/registry/registry-errors.ts";
import { contentOf, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

describeRegistry("blobs deleted in one repository", (tested) => {
  const kept = contentOf("kept");

  async function fill(digests: readonly Digest[]): Promise<void> {
    await tested().here.documents.create(layout.hidden(repository), { value: { digests } });
  }

  it("are refused when there are too many of them", async () => {
    const { here } = tested();
    await here.blobs.push(kept.digest, kept.body());
    await fill(Array.from({ length: mostHidden }, () => kept.digest));
    await assert.rejects(here.hidden.hide(repository, digestOf("one more")), TooManyHidden);
    assert.equal(await here.hidden.has(repository, kept.digest), true);
  });

  it("are forgotten when they are not here any more and others need the room", async () => {
    const { here, there } = tested();
    await here.blobs.push(kept.digest, kept.body());
    const others = Array.from({ length: mostHidden - 1 }, (_, at) => digestOf(`collected ${at}`));
    await fill([kept.digest, ...others]);
    await here.hidden.hide(repository, digestOf("one more"));
    assert.equal(await there.hidden.has(repository, kept.digest), true);
    assert.equal(await there.hidden.has(repository, digestOf("one more")), true);
    assert.equal(await there.hidden.has(repository, digestOf("collected 7")), false);
  });
});

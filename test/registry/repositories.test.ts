/** Which repositories there are, in which order, and whose. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { parseRepositoryName, type RepositoryName } from "../../src/oci/reference.ts";
import { describeRegistry } from "./registry-under-test.ts";

const names = ["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "a_b", "ab", "b", "z/z"].map(
  parseRepositoryName,
);

describeRegistry("repositories", (tested) => {
  it("are listed page by page, those below a name right behind it", async () => {
    const { here, there } = tested();
    for (const name of [...names].reverse()) await here.repositories.add(name);
    const expected = ["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "a_b", "ab", "b", "z/z"];
    for (const limit of [1, 3, 10, 100]) {
      const found: RepositoryName[] = [];
      for (let more = true; more; ) {
        const page = await there.repositories.list(found.at(-1) ?? "", limit);
        found.push(...page.names);
        ({ more } = page);
      }
      assert.deepEqual(found, expected);
    }
  });

  it("are there from the first manifest on, for every instance", async () => {
    const { here, there } = tested();
    const [name = parseRepositoryName("x")] = names;
    assert.equal(await there.repositories.has(name), false);
    await here.repositories.add(name);
    assert.equal(await there.repositories.has(name), true);
    here.store.takeRequests();
    await here.repositories.add(name);
    assert.deepEqual(here.store.takeRequests(), []);
  });

  it("become a package's, and stay that", async () => {
    const { here, there } = tested();
    const [name = parseRepositoryName("x"), other = name] = names;
    await here.repositories.add(name);
    assert.equal(await there.repositories.isOfPackage(name), false);
    await there.repositories.add(name, true);
    await here.repositories.add(name);
    assert.equal(await here.repositories.isOfPackage(name), true);
    assert.equal(await here.repositories.isOfPackage(other), false);
  });

  it("take the longest name there is", async () => {
    const { here } = tested();
    const longest = parseRepositoryName(`${"a/".repeat(127)}b`);
    await here.repositories.add(longest);
    assert.deepEqual((await here.repositories.list("", 1)).names, [longest]);
    await here.hidden.hide(longest, `sha512:${"0".repeat(128)}` as never);
    await here.tags.write(longest, "t".repeat(128), `sha512:${"0".repeat(128)}` as never);
    assert.equal((await here.tags.list(longest, "", 1)).tags.length, 1);
  });
});

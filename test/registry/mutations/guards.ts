/**
 * The guards of the storage protocol, and what each looks like when it is taken out.
 *
 * Every row is a change of one place in the compiled code; the named test has to fail with it. A row
 * whose text is not found any more fails, too: then the guard has moved, and the row has to follow.
 */
export interface Guard {
  readonly name: string;
  /** Below src/, without extension. */
  readonly file: string;
  readonly text: string;
  readonly without: string;
  /** A test file below test/registry, or the seed of a random walk. */
  readonly failing: string | number;
}

const collector = "registry/collector";
const interleavings = "collector-interleavings";

export const guards: readonly Guard[] = [
  {
    name: "a4: the sweeper moves the record before it deletes",
    file: `${collector}/orphan-sweeper`,
    text: "if (settled || (await this.#fence(digest, record, key)))",
    without: "if (true)",
    failing: interleavings,
  },
  {
    name: "a1: a fence that failed looks at who was first",
    file: `${collector}/orphan-sweeper`,
    text: "return !names(moved, key);",
    without: "return true;",
    failing: interleavings,
  },
  {
    name: "a3: a push reads the record before it writes data",
    file: "registry/blob-store",
    text: "if (!(await this.adopt(digest, fence,",
    without: "if (!(await this.adopt(digest, await this.#records.read(digest),",
    failing: "blob-interleavings",
  },
  {
    name: "d2: a loser compares keys before it drops its own",
    file: "registry/blob-store",
    text: "if (!namesAny(current, segments))",
    without: "if (true)",
    failing: interleavings,
  },
  {
    name: "s1: a session is closed before its data goes",
    file: `${collector}/orphan-sweeper`,
    text: "const ended = await this.#documents.replace(document, { value });",
    without: "const ended = { ...document, value };",
    failing: interleavings,
  },
  {
    name: "s2: an aborted session keeps what it has announced",
    file: "registry/upload-session",
    text: 'session.state === "committing" ? { target: session.target } : {}',
    without: "{}",
    failing: interleavings,
  },
  {
    name: "what this process wrote last is read again when a session went on elsewhere",
    file: "registry/uploads",
    text: ".catch(ifOutdated)",
    without: "",
    failing: "uploads",
  },
  {
    name: "a chunk that found its session made says where it belongs",
    file: "registry/uploads",
    text: "            expectStart(chunk, document.value.offset);\n            return",
    without: "            return",
    failing: "uploads",
  },
  {
    name: "a session is listed behind the first sight of its data",
    file: `${collector}/orphan-sweeper`,
    text: "if (old && since !== undefined)",
    without: "if (old)",
    failing: interleavings,
  },
  {
    name: "a session with undecided data is not forgotten",
    file: `${collector}/session-watch`,
    text: "|| this.#kept.has(sessionOfKey(key))",
    without: "",
    failing: interleavings,
  },
  {
    name: "an ended session is remembered for longer than its id can open it again",
    file: `${collector}/session-watch`,
    text: 'kept === "closed" ? memoryMs(cycle) : cycle.ages.orphanMs',
    without: "cycle.ages.orphanMs",
    failing: "forgotten-sessions",
  },
  {
    name: "a session that makes progress is not given up",
    file: `${collector}/session-watch`,
    text: "seen?.revision === revision && cycle.watched(seen.sinceMs, cycle.ages.orphanMs)",
    without: "true",
    failing: interleavings,
  },
  {
    name: "all records are read before data without a session goes",
    file: `${collector}/undecided-keys`,
    text: "&& !this.#keys.isNamed(key)",
    without: "",
    failing: interleavings,
  },
  {
    name: "b1: a pending link keeps its content",
    file: `${collector}/link-roots`,
    text: 'if (link.state === "deleted")\n        return',
    without: 'if (link.state !== "committed")\n        return',
    failing: interleavings,
  },
  {
    name: "b1: pending links expire",
    file: `${collector}/link-roots`,
    text: "const givenUp = cycle.watched(sinceMs, cycle.ages.graceMs);",
    without: "const givenUp = false;",
    failing: interleavings,
  },
  {
    name: "b2: a manifest is checked behind its root",
    file: "registry/manifest-roots",
    text: "if (absent.length > 0) {",
    without: "if (absent.length < 0) {",
    failing: interleavings,
  },
  {
    name: "b3: the whole closure is checked, and rescued",
    file: "registry/blob-record",
    text: 'isPresent(record) && record.value.state !== "live"',
    without: "false",
    failing: interleavings,
  },
  {
    name: "c1: gone only from a version that an earlier cycle saw",
    file: `${collector}/record-collector`,
    text: "before?.isOf(record)",
    without: "true",
    failing: interleavings,
  },
  {
    name: "marks are looked at",
    file: `${collector}/record-collector`,
    text: "marks.has(digest) ?",
    without: "false ?",
    failing: interleavings,
  },
  {
    name: "the grace is waited for",
    file: `${collector}/record-collector`,
    text: "return cycle.watched(sinceMs, cycle.ages.graceMs);",
    without: "return true;",
    failing: interleavings,
  },
  {
    name: "a root that cannot be read ends the cycle",
    file: `${collector}/watched-documents`,
    text: "const document = await this.#documents.read(key);",
    without:
      "const document = await this.#documents.read(key).catch(() => undefined);\n        if (document === undefined) return undefined;",
    failing: interleavings,
  },
  {
    name: "expiring and disowning change the watched version only",
    file: `${collector}/watched-documents`,
    text: "if (current?.revision !== revision)",
    without: "if (current === undefined)",
    failing: "collector-leftovers",
  },
  {
    name: "a tag is written anew before a hint about it goes",
    file: "registry/tag-document",
    text: "const written = await this.#documents.replace(document, { value }).catch(unlessChanged);",
    without: "const written = document;",
    failing: "tag-leftovers",
  },
  {
    name: "a hint stays while its tombstone names it",
    file: "registry/tag-document",
    text: 'if (value.state === "deleted" && value.hint === hint)',
    without: "if (false)",
    failing: "tag-leftovers",
  },
  {
    name: "a package's tag goes from the version that was seen before the packages",
    file: "registry/tag-document",
    text: "!current?.ofPackage || document?.revision !== revision",
    without: "!current?.ofPackage",
    failing: "tag-leftovers",
  },
  {
    name: "a claim is written also when the tag is there",
    file: "registry/tags",
    text: 'return { state: "live", digest, ofPackage: true, ...(ofClient && { ofClient }), claim };',
    without:
      'if (current?.ofPackage) return undefined;\n            return { state: "live", digest, ofPackage: true, ...(ofClient && { ofClient }), claim };',
    failing: "tag-leftovers",
  },
  {
    name: "hiding writes also what is hidden already",
    file: "registry/hidden-blobs",
    text: "if (digests.includes(digest))\n                return { digests };",
    without: "if (digests.includes(digest)) return undefined;",
    failing: "marker-leftovers",
  },
  {
    name: "a referrer's entry is written anew behind its link",
    file: "registry/referrers",
    text: "await this.#documents.update(key, () => value, noEntry);",
    without: "",
    failing: "marker-leftovers",
  },
  {
    name: "a referrer's entry stays with its link",
    file: `${collector}/referrer-sweeper`,
    text: '(link !== undefined && link.value.state !== "deleted")',
    without: "false",
    failing: "marker-leftovers",
  },
  {
    name: "a package's record is written anew behind its entry",
    file: "catalog/package-records",
    text: "await this.#documents.update(key, () => record, clearedRecord);",
    without:
      "await this.#documents.update(key, (found) => (found && !isCleared(found) ? undefined : record), clearedRecord);",
    failing: "../catalog/catalog-roots",
  },
  {
    name: "a package's record goes from the version that was seen before the catalogue",
    file: `${collector}/watched-documents`,
    text: "if (current?.revision !== revision)",
    without: "if (current === undefined)",
    failing: "../catalog/catalog-roots",
  },
  {
    name: "a copy of the catalogue is never older than the one before it",
    file: "catalog/stored-catalog",
    text: "const copy = await this.#documents.readOver(layout.catalogCopy, noCopy);\n            // Read behind the copy that is replaced: so a copy is never older than the one before it.\n            const current = await this.#readWhole();",
    without:
      "const current = await this.#readWhole();\n            await Promise.resolve();\n            const copy = await this.#documents.readOver(layout.catalogCopy, noCopy);",
    failing: "../catalog/stored-catalog",
  },
  {
    name: "a tombstone goes before its hint",
    file: "registry/tombstone-purge",
    text: "await store.delete(key);\n    // Behind",
    without:
      "const behind = hintOf(key, value);\n    if (behind !== undefined)\n        await store.delete(behind);\n    await store.delete(key);\n    // Behind",
    failing: "tombstone-purge",
  },
  {
    name: "a lost answer is found by its transaction, of whatever age",
    file: "storage/documents",
    text: "const age = current?.transactions.indexOf(own) ?? -1;",
    without: "const age = -1;",
    failing: "../storage/documents",
  },
  {
    name: "nobody goes on from a state that others have replaced",
    file: "storage/documents",
    text: "age === 0 ? current?.revision : superseded",
    without: "current?.revision",
    failing: "manifest-interleavings",
  },
  {
    name: "walk: the sweeper moves the record before it deletes",
    file: `${collector}/orphan-sweeper`,
    text: "if (settled || (await this.#fence(digest, record, key)))",
    without: "if (true)",
    failing: 1,
  },
  {
    name: "walk: gone only from a version that an earlier cycle saw",
    file: `${collector}/record-collector`,
    text: "before?.isOf(record)",
    without: "true",
    failing: 1,
  },
  {
    name: "walk: a manifest is checked behind its root",
    file: "registry/manifest-roots",
    text: "if (absent.length > 0) {",
    without: "if (absent.length < 0) {",
    failing: 1,
  },
  {
    name: "walk: an aborted session keeps what it has announced",
    file: "registry/upload-session",
    text: 'session.state === "committing" ? { target: session.target } : {}',
    without: "{}",
    failing: 1,
  },
];

/**
 * Rules for `resource`: assets, images and CLI binaries (the catalogue's v3-resource-schema.json).
 *
 * Structure only. Whether strings lead anywhere depends on the document: see `asset-rules.ts`.
 */
import type { JsonCursor } from "./json-cursor.ts";
import { isArray } from "./json-cursor.ts";
import { arrayOf, mapOf, matching, objectOf, type Rule, text, textWhere } from "./json-rules.ts";
import { closest, quote } from "./quote.ts";

const platforms = ["darwin", "linux", "windows"];

const hashValue: Rule = matching(
  /^[0-9a-fA-F]{64}$/,
  "E118",
  (shown) => `contentHash value ${shown} is not a SHA-256 (64 hexadecimal digits)`,
);

const contentHash: Rule = (cursor) => {
  if (!isArray(cursor.value)) return cursor.expected("an array");
  if (cursor.value.length !== 1) {
    const { length } = cursor.value;
    cursor.error("E118", `contentHash must have exactly one entry, a SHA-256; found ${length}`);
  }
  arrayOf(objectOf({ fields: { algo: sha256, value: hashValue }, required: ["algo", "value"] }))(
    cursor,
  );
};

function sha256(cursor: JsonCursor): void {
  if (cursor.value !== "sha256") cursor.expected('"sha256"');
}

const kind: Rule = (cursor) => {
  if (cursor.value !== "executable" && cursor.value !== "zip")
    cursor.expected('"executable" or "zip"');
};

const location: Rule = textWhere("E117", (value) =>
  value === "" ? "the url of a CLI binary must not be empty" : undefined,
);

const binary: Rule = objectOf({
  fields: { contentHash, kind, url: location },
  required: ["url", "kind", "contentHash"],
});

const platform: Rule = objectOf({
  fields: { "x86-64": binary },
  required: ["x86-64"],
  explain: () => '"x86-64" is the only architecture',
});

const binaries: Rule = (cursor) => {
  if (!cursor.object) return cursor.expected("an object");
  const members = cursor.members();
  if (members.length === 0) {
    cursor.error("E117", `${cursor.label} must name at least one of ${platforms.join(", ")}`);
  }
  for (const [key, member] of members) {
    if (platforms.includes(key)) platform(member);
    else {
      const meant = closest(key, platforms);
      const hint = meant && `did you mean ${quote(meant)}?`;
      member.error("E117", `platform ${quote(key)} is unknown: ${platforms.join(", ")}`, hint);
    }
  }
};

/** The whole of `resource`. */
export const resourceRule: Rule = objectOf({
  fields: {
    assets: objectOf({
      fields: {
        uris: mapOf(text),
        // Cosmos needs `docker` once `container` is there, although the catalogue's schema does not.
        container: objectOf({ fields: { docker: mapOf(text) }, required: ["docker"] }),
      },
    }),
    images: objectOf({
      fields: {
        "icon-small": text,
        "icon-medium": text,
        "icon-large": text,
        screenshots: arrayOf(text),
      },
    }),
    cli: objectOf({ fields: { binaries }, required: ["binaries"] }),
  },
});

/** What is wrong with a text as JSON beyond what `JSON.parse` tells: repeated keys above all. */
import { visit } from "jsonc-parser";

/** JSON pointers of keys that appear twice in one object. */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  const objects: Set<string>[] = [];
  visit(text, {
    onObjectBegin: () => {
      objects.push(new Set());
    },
    onObjectEnd: () => {
      objects.pop();
    },
    onObjectProperty: (name, _offset, _length, _line, _character, path) => {
      const keys = objects.at(-1);
      if (keys?.has(name)) found.push(["", ...path(), name].join("/"));
      keys?.add(name);
    },
  });
  return found;
}

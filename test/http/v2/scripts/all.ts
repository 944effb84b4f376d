/** All scripts, in the order of the rule table. */
import type { Script } from "../script.ts";
import { basics } from "./basics.ts";
import { deletes } from "./deletes.ts";
import { listings } from "./listings.ts";
import { manifests } from "./manifests.ts";
import { next } from "./next.ts";
import { reads } from "./reads.ts";
import { uploads } from "./uploads.ts";

export const allScripts: readonly Script[] = [
  ...basics,
  ...uploads,
  ...reads,
  ...manifests,
  ...listings,
  ...deletes,
  ...next,
];

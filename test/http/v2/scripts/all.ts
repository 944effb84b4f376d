/** All scripts, in the order of the rule table. */
import type { Script } from "../script.ts";
import { basics } from "./basics.ts";
import { manifests } from "./manifests.ts";
import { reads } from "./reads.ts";
import { uploads } from "./uploads.ts";

export const allScripts: readonly Script[] = [...basics, ...uploads, ...reads, ...manifests];

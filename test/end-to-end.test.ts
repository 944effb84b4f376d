/** Protects the main job with plain Node, on a disk, with one and four processes. */
import { describePackageStory, withoutBusybox } from "./fixtures/package-story.ts";

for (const workers of ["1", "4"]) {
  describePackageStory(`${workers} on a disk`, withoutBusybox(), async () => [
    "--workers",
    workers,
  ]);
}

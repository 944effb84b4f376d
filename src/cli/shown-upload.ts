/** A bundle on its way to a registry, with its progress shown: as one stream, or blob by blob. */
import type { BundleFile } from "./bundle-file.ts";
import type { Progress } from "./progress.ts";
import type { AddedBundle } from "./registry-client.ts";

export interface ShownUpload extends AddedBundle {
  /** It broke off: what follows is printed on a line of its own. */
  fail(): void;
}

/** @param sent called once all has left, before the registry has checked it */
export function shownUpload(
  bundle: BundleFile,
  progress: Progress,
  sent: () => void = () => undefined,
): ShownUpload {
  let pushing = false;
  return {
    ...bundle,
    chunks: readAndShow(bundle, progress, sent),
    onProgress(bytes) {
      pushing = true;
      progress.advance(bytes);
    },
    onPushed() {
      pushing = false;
      progress.finish();
      sent();
    },
    fail() {
      if (pushing) progress.fail();
    },
  };
}

async function* readAndShow(
  bundle: BundleFile,
  progress: Progress,
  sent: () => void,
): AsyncGenerator<Uint8Array> {
  let whole = false;
  try {
    yield* bundle.read((bytes) => progress.advance(bytes));
    whole = true;
  } finally {
    if (!whole) progress.fail();
  }
  progress.finish();
  sent();
}

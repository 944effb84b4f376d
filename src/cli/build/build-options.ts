/** The options of `build`, as commander hands them over. */
import type { ProgressMode } from "../progress.ts";

export interface BuildOptions {
  readonly buildDefinitionFile: string;
  readonly outputDirectory: string;
  readonly json?: boolean;
  readonly useLocal?: boolean;
  readonly imageArchive: readonly string[];
  readonly keepUrl: readonly string[];
  readonly ca?: string;
  readonly concurrency: number;
  readonly platform: string;
  readonly insecureRegistry: readonly string[];
  readonly strict?: boolean;
  readonly cache: boolean;
  readonly progress: ProgressMode;
}

/** Where commands print: stdout carries data, stderr everything else. */
import type { Writable } from "node:stream";

export interface Terminal {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether stderr is a terminal, so that progress may be drawn over itself. */
  readonly interactive: boolean;
  /** Width in columns, 80 when unknown. */
  readonly columns: number;
}

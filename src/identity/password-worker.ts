/** The thread of `PasswordThread`: answers each comparison in turn. */
import { parentPort } from "node:worker_threads";
import bcrypt from "bcryptjs";
import type { Comparison, ComparisonResult } from "./password-thread.ts";

parentPort?.on("message", ({ id, password, hash }: Comparison) => {
  const result: ComparisonResult = { id, equal: bcrypt.compareSync(password, hash) };
  parentPort?.postMessage(result);
});

/** Locks a directory as a server does, says so on stdout, and lives until it is killed. */
import { lockDirectory, StorageInUse } from "../../src/storage/owner-lock.ts";

const [root = ""] = process.argv.slice(2);
try {
  await lockDirectory(root);
  process.stdout.write("locked\n");
  setInterval(() => undefined, 60_000);
} catch (error) {
  if (!(error instanceof StorageInUse)) throw error;
  process.stdout.write("refused\n");
}

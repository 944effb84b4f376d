/** Opens the connection that a command needs, and ends it whatever happens. */
import { type ConnectionOptions, resolveConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { RegistryClient } from "./registry-client.ts";

export async function withRegistry<T>(
  options: ConnectionOptions,
  context: CliContext,
  use: (registry: RegistryClient) => Promise<T>,
): Promise<T> {
  const connection = await resolveConnection(options, context);
  const { terminal, environment, version, verbosity } = context;
  const registry = new RegistryClient(connection, {
    environment,
    userAgent: `dcos-registry/${version ?? "0"}`,
    ...((verbosity ?? 0) > 0 && {
      trace: (line: string) => void terminal.stderr.write(`${line}\n`),
    }),
  });
  try {
    return await use(registry);
  } finally {
    await registry.close();
  }
}

/** Opens the connection that a command needs, and ends it whatever happens. */
import { createSecureContext, type SecureContext } from "node:tls";
import { loadTrust } from "../network/trust.ts";
import { type Connection, type ConnectionOptions, resolveConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { RegistryClient } from "./registry-client.ts";
import { RegistryTransport, type TransportOptions } from "./registry-transport.ts";

export async function withRegistry<T>(
  options: ConnectionOptions,
  context: CliContext,
  use: (registry: RegistryClient) => Promise<T>,
): Promise<T> {
  const connection = await resolveConnection(options, context);
  const registry = new RegistryClient(connection, await transportOptions(connection, context));
  try {
    return await use(registry);
  } finally {
    await registry.close();
  }
}

/** The same for what is no registry. */
export async function withTransport<T>(
  connection: Connection,
  context: CliContext,
  use: (transport: RegistryTransport) => Promise<T>,
): Promise<T> {
  const transport = new RegistryTransport(connection, await transportOptions(connection, context));
  try {
    return await use(transport);
  } finally {
    await transport.close();
  }
}

async function transportOptions(
  connection: Connection,
  context: CliContext,
): Promise<TransportOptions> {
  const { terminal, environment, version, verbosity } = context;
  const trust = await trustOf(connection, context);
  return {
    environment,
    ...(trust !== undefined && { trust }),
    userAgent: `dcos-registry/${version ?? "0"}`,
    ...((verbosity ?? 0) > 0 && {
      trace: (line: string) => void terminal.stderr.write(`${line}\n`),
    }),
  };
}

/** The system's roots are loaded only when no CA is named: that takes its time. */
export async function trustOf(
  { url, ca }: Pick<Connection, "url" | "ca">,
  { environment, workingDirectory }: CliContext,
): Promise<SecureContext | undefined> {
  if (url.protocol !== "https:") return undefined;
  if (ca !== undefined) return createSecureContext({ ca: [...ca] });
  return loadTrust({ environment, workingDirectory });
}

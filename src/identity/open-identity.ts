/** Puts an identity together from the files that were configured. */
import { Htpasswd } from "./htpasswd.ts";
import { createIdentity, type Identity } from "./identity.ts";
import { LoginThrottle } from "./login-throttle.ts";
import type { RegistryTokens } from "./registry-token.ts";
import { StaticTokens } from "./static-tokens.ts";

export interface IdentityFiles {
  /** Names of files; with neither the identity is not configured. */
  readonly htpasswd?: string;
  readonly tokenFile?: string;
  readonly registryTokens: RegistryTokens;
  /** Told of each later state of a file that cannot be used; what was read before stays in use. */
  readonly onError: (error: unknown) => void;
}

/** @throws {CredentialsFileInvalid} naming file and line */
export async function openIdentity(files: IdentityFiles): Promise<Identity> {
  const { htpasswd, tokenFile, registryTokens, onError } = files;
  return createIdentity({
    ...(htpasswd !== undefined && { htpasswd: await Htpasswd.open(htpasswd, { onError }) }),
    ...(tokenFile !== undefined && {
      staticTokens: await StaticTokens.open(tokenFile, { onError }),
    }),
    registryTokens,
    throttle: new LoginThrottle(),
  });
}

/** What an `Authorization` header carries, in the forms that docker, DC/OS and curl send. */

export type SentCredentials =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string };

/**
 * `Basic <base64>`, `Bearer <token>`, and DC/OS' `token=<token>`.
 *
 * @returns undefined for everything else, so also for what is malformed
 */
export function parseAuthorization(header: string | undefined): SentCredentials | undefined {
  const dcos = /^token=(\S+)$/.exec(header ?? "")?.[1];
  if (dcos !== undefined) return { kind: "token", token: dcos };
  const { scheme, value } = /^(?<scheme>[a-z]+) +(?<value>\S+)$/i.exec(header ?? "")?.groups ?? {};
  if (scheme?.toLowerCase() === "bearer") return { kind: "token", token: value ?? "" };
  return scheme?.toLowerCase() === "basic" ? parseBasic(value ?? "") : undefined;
}

function parseBasic(value: string): SentCredentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1) };
}

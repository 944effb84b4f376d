/**
 * The service account that DC/OS gives a service, as `dcos security secrets create-sa-secret` stores it.
 *
 * A file is read again for every login, so that an account whose key was changed needs no restart.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ServiceAccountInvalid } from "./cluster-error.ts";
import { type Fields, parseFields, textOf } from "./cluster-http.ts";

/** A file that holds the secret, or the secret itself. */
export type ServiceAccountSource = { readonly file: string } | { readonly json: string };

export interface ServiceAccount {
  readonly uid: string;
  /** RSA. */
  readonly privateKey: KeyObject;
  /** Where IAM takes logins, as the cluster wants it to be reached from a task. */
  readonly loginEndpoint: URL;
}

/** @throws {ServiceAccountInvalid} saying which part is wrong, without repeating any */
export async function readServiceAccount(source: ServiceAccountSource): Promise<ServiceAccount> {
  if ("json" in source) {
    return parseServiceAccount("DCOS_SERVICE_ACCOUNT_CREDENTIAL", source.json);
  }
  const text = await readFile(source.file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ServiceAccountInvalid(source.file, `cannot be read (${cause.code})`, { cause });
  });
  return parseServiceAccount(source.file, text);
}

/** @throws {ServiceAccountInvalid} */
export function parseServiceAccount(source: string, text: string): ServiceAccount {
  const fields = parseFields(text);
  if (!fields) throw new ServiceAccountInvalid(source, "it is no JSON object");
  if (fields["scheme"] !== "RS256") {
    throw new ServiceAccountInvalid(source, 'its "scheme" is not RS256');
  }
  const uid = textOf(fields["uid"]);
  if (uid === undefined) throw new ServiceAccountInvalid(source, 'it has no "uid"');
  return {
    uid,
    privateKey: privateKeyIn(fields, source),
    loginEndpoint: loginEndpointIn(fields, source),
  };
}

/** PKCS#8, or PKCS#1 as older tools wrote it. */
function privateKeyIn(fields: Fields, source: string): KeyObject {
  const text = textOf(fields["private_key"]);
  if (text === undefined) throw new ServiceAccountInvalid(source, 'it has no "private_key"');
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    // The cause is left out: it could repeat parts of the key.
    throw new ServiceAccountInvalid(source, 'its "private_key" is no PEM private key');
  }
  if (key.asymmetricKeyType === "rsa") return key;
  throw new ServiceAccountInvalid(source, 'its "private_key" is no RSA key');
}

function loginEndpointIn(fields: Fields, source: string): URL {
  const text = textOf(fields["login_endpoint"]) ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") {
    return url;
  }
  throw new ServiceAccountInvalid(source, 'its "login_endpoint" is no http or https URL');
}

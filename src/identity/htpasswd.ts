/**
 * Users and passwords in a file of the Apache tools, `name:hash`, one a line.
 *
 * Only bcrypt is taken; every other hash is refused when the file is read, with the way out. A wrong
 * name costs as much time as a wrong password, so answers do not tell which users exist.
 */
import { CredentialsFileInvalid } from "./identity-error.ts";
import { PasswordThread } from "./password-thread.ts";
import { ReloadedFile } from "./reloaded-file.ts";

type Users = ReadonlyMap<string, string>;

/** `$2y$`, two digits of cost, 22 characters of salt, 31 of hash. */
const bcryptGrammar = /^\$2[aby]\$(?<cost>[0-9]{2})\$[./A-Za-z0-9]{53}$/;
/** 2^14 rounds take about a second; more would let a few logins occupy the server. */
const highestCost = 14;
const defaultCost = 10;

export interface HtpasswdOptions {
  readonly onError: (error: unknown) => void;
  readonly clock?: () => number;
}

export class Htpasswd {
  readonly #file: ReloadedFile<Users>;
  readonly #thread = new PasswordThread();

  private constructor(file: ReloadedFile<Users>) {
    this.#file = file;
  }

  /** @throws {CredentialsFileInvalid} naming file and line */
  static async open(file: string, options: HtpasswdOptions): Promise<Htpasswd> {
    const absent: Users = new Map();
    return new Htpasswd(await ReloadedFile.open({ ...options, file, parse: parseUsers, absent }));
  }

  /**
   * @returns the stored hash that the password fits, undefined for a wrong name or password
   * @throws {TooManyLogins} when too many log-ins are waiting
   */
  async match(user: string, password: string): Promise<string | undefined> {
    const users = await this.#file.content();
    const hash = users.get(user);
    const fits = await this.#thread.compare(password, hash ?? dummyHash(users));
    return fits ? hash : undefined;
  }

  /** The hash stored for a user now, to tell whether an earlier match still holds. */
  async hashOf(user: string): Promise<string | undefined> {
    return (await this.#file.content()).get(user);
  }
}

/** As expensive to compare with as the most expensive real one. */
function dummyHash(users: Users): string {
  const costs = [...users.values()].map((hash) => costOf(hash));
  const cost = Math.max(...costs, costs.length === 0 ? defaultCost : 0);
  return `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;
}

function costOf(hash: string): number {
  return Number(bcryptGrammar.exec(hash)?.groups?.["cost"]);
}

/** @throws {CredentialsFileInvalid} */
export function parseUsers(file: string, text: string): Users {
  const users = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const user = line.slice(0, Math.max(colon, 0));
    const hash = line.slice(colon + 1);
    const why = reasonToRefuse(user, hash) ?? (users.has(user) ? `"${user}" twice` : undefined);
    if (why) throw new CredentialsFileInvalid(file, `line ${index + 1}: ${why}`);
    users.set(user, hash);
  }
  return users;
}

function reasonToRefuse(user: string, hash: string): string | undefined {
  if (user === "" || user.length > 255) return "is not NAME:HASH";
  if (!bcryptGrammar.test(hash)) {
    return `the password of "${user}" is ${kindOf(hash)}; only bcrypt is taken (htpasswd -B)`;
  }
  const cost = costOf(hash);
  if (cost < 4 || cost > highestCost) {
    return `the password of "${user}" has bcrypt cost ${cost}; from 4 to ${highestCost} is taken`;
  }
  return undefined;
}

function kindOf(hash: string): string {
  const kinds: readonly [RegExp, string][] = [
    [/^\$apr1\$/, "hashed with APR1-MD5"],
    [/^\$1\$/, "hashed with MD5"],
    [/^\$5\$/, "hashed with SHA-256 crypt"],
    [/^\$6\$/, "hashed with SHA-512 crypt"],
    [/^\{SHA\}/, "hashed with SHA-1"],
    [/^\$argon2/, "hashed with Argon2"],
    [/^\$2/, "a damaged bcrypt hash"],
    [/^$/, "empty"],
  ];
  return kinds.find(([pattern]) => pattern.test(hash))?.[1] ?? "not hashed, or with crypt";
}

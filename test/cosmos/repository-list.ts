/** The ordered list of repositories that a cluster reads, with Cosmos' rules for changing it. */
import { CosmosFailure } from "./cosmos-failure.ts";
import type { RepositoryAddress } from "./universe-client.ts";

export class RepositoryList {
  #repositories: readonly RepositoryAddress[] = [];

  get repositories(): readonly RepositoryAddress[] {
    return this.#repositories;
  }

  /** Tells whether `add` would work. @throws {CosmosFailure} */
  check({ name, uri }: RepositoryAddress, index = this.#repositories.length): void {
    if (!URL.canParse(uri)) {
      throw new CosmosFailure(
        "RepositoryUriSyntax",
        `URI for repository [${name}] has invalid syntax: ${uri}`,
        { repository: { name, uri } },
      );
    }
    if (!/^https?:$/.test(new URL(uri).protocol)) {
      throw new CosmosFailure(
        "UnsupportedRepositoryUri",
        `Repository URI [${uri}] uses an unsupported scheme. Only http and https are supported`,
        { uri },
      );
    }
    this.#checkDuplicate(name, uri);
    const max = this.#repositories.length;
    if (index < 0 || index > max) {
      throw new CosmosFailure(
        "RepositoryAddIndexOutOfBounds",
        `Index (${index}) is out of range. Index value must be between 0 and ${max} inclusive.`,
        { attempted: index, max },
      );
    }
  }

  add(repository: RepositoryAddress, index = this.#repositories.length): void {
    this.check(repository, index);
    this.#repositories = this.#repositories.toSpliced(index, 0, repository);
  }

  /** Both given: both must match. */
  delete(name: string | undefined, uri: string | undefined): void {
    if (name === undefined && uri === undefined) {
      throw new CosmosFailure(
        "RepoNameOrUriMissing",
        "Must specify either the name or URI of the repository",
      );
    }
    const found = this.#repositories.find(
      (one) => (name === undefined || one.name === name) && (uri === undefined || one.uri === uri),
    );
    if (!found) throw notPresent(name, uri);
    this.#repositories = this.#repositories.filter((one) => one !== found);
  }

  #checkDuplicate(name: string, uri: string): void {
    const named = this.#repositories.some((one) => one.name === name);
    const located = this.#repositories.some((one) => new URL(one.uri).href === new URL(uri).href);
    if (!named && !located) return;
    const what =
      named && located
        ? `Repository name [${name}] and URI [${uri}] are both already present in the list`
        : `Repository ${named ? `name [${name}]` : `URI [${uri}]`} is already present in the list`;
    throw new CosmosFailure("RepositoryAlreadyPresent", what, { name, uri });
  }
}

function notPresent(name: string | undefined, uri: string | undefined): CosmosFailure {
  const message =
    name !== undefined && uri !== undefined
      ? `Neither repository name [${name}] nor URI [${uri}] are present in the list`
      : `Repository ${name === undefined ? `URI [${uri}]` : `name [${name}]`} is not present in the list`;
  return new CosmosFailure("RepositoryNotPresent", message, { name, uri });
}

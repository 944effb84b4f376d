/** Which repositories there are: one document each, so that a page of names is one listing. */
import type { RepositoryName } from "../oci/reference.ts";
import type { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { layout, repositoryOfKey } from "./layout.ts";

const remembered = 10_000;

interface Repository {
  readonly name: RepositoryName;
  readonly ofPackage: boolean;
}

export class RepositoryIndex {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  /** Repositories only appear, so a name that was seen once needs no second look. */
  readonly #known = new Set<RepositoryName>();

  constructor(store: ObjectStore, documents: Documents) {
    this.#store = store;
    this.#documents = documents;
  }

  /** @param ofPackage whether publishing a package brought it; it then stays a package's */
  async add(repository: RepositoryName, ofPackage = false): Promise<void> {
    if (!ofPackage && (await this.has(repository))) return;
    await this.#documents.update<Repository>(layout.repository(repository), (current) => {
      if (current && (current.ofPackage || !ofPackage)) return undefined;
      return { name: repository, ofPackage };
    });
    this.#remember(repository);
  }

  async isOfPackage(repository: RepositoryName): Promise<boolean> {
    const document = await this.#documents.read<Repository>(layout.repository(repository));
    return document?.value.ofPackage ?? false;
  }

  async has(repository: RepositoryName): Promise<boolean> {
    if (this.#known.has(repository)) return true;
    const here = (await this.#store.stat(layout.repository(repository))) !== undefined;
    if (here) this.#remember(repository);
    return here;
  }

  /**
   * Up to `limit` names behind `last`; `/` sorts before every other character.
   *
   * @param last any text; the page starts behind where it stands in that order
   */
  async list(last: string, limit: number): Promise<{ names: RepositoryName[]; more: boolean }> {
    const after = last === "" ? "" : layout.repositoriesAfter(last);
    const page = await this.#store.list(layout.repositories, { after, limit });
    return { names: page.keys.map(repositoryOfKey), more: page.more };
  }

  #remember(repository: RepositoryName): void {
    if (this.#known.size >= remembered) this.#known.clear();
    this.#known.add(repository);
  }
}

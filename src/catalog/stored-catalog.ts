/**
 * The catalogue document, and a copy of it: the one document whose loss would cost every package.
 *
 * The copy is written behind each change that somebody is told of, before he is told. When the document
 * is damaged, or gone, it is healed from the copy, so nothing that was acknowledged is lost by it.
 */
import { layout } from "../registry/layout.ts";
import { type Document, DocumentDamaged, unlessChanged } from "../storage/document.ts";
import type { Documents } from "../storage/documents.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import { type CatalogValue, emptyCatalog } from "./catalog-document.ts";

interface CatalogCopy {
  readonly catalog: CatalogValue;
  /** Of the document that was copied. */
  readonly generation: number;
  readonly revision: string;
}

/** In place of a damaged copy. */
const noCopy: CatalogCopy = { catalog: emptyCatalog, generation: 0, revision: "" };

/** A healed document goes on far ahead: its generations must not mean what lost ones meant. */
const ahead = 1000;

/** Which packages there are is not known any more. */
export class CatalogLost extends ObjectDamaged {
  constructor(cause: unknown) {
    super(
      layout.catalog,
      `it is damaged, and so is its copy. Stop every instance, delete the objects "${layout.catalog}" and "${layout.catalogCopy}", start again, and bring the packages back with "dcos-registry restore"`,
      { cause },
    );
  }
}

export class StoredCatalog {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /**
   * What is so now, healed where that is needed.
   *
   * @returns undefined when there was never a package
   * @throws {CatalogLost}
   */
  async read(): Promise<Document<CatalogValue> | undefined> {
    try {
      return (await this.#readWhole()) ?? (await this.#heal(undefined));
    } catch (error) {
      if (!(error instanceof ObjectDamaged) || error instanceof CatalogLost) throw error;
      return this.#heal(error);
    }
  }

  /**
   * Changes the catalogue, and its copy: whoever returns from here may tell of it.
   *
   * @param change returns undefined to leave the catalogue as it is
   * @throws {CatalogLost}
   */
  async update(change: (catalog: CatalogValue) => CatalogValue | undefined): Promise<CatalogValue> {
    const catalog = await this.change(change);
    await this.copy();
    return catalog;
  }

  /** The same for what nobody is told of, and which does no harm when it is lost. */
  async change(change: (catalog: CatalogValue) => CatalogValue | undefined): Promise<CatalogValue> {
    await this.read();
    const document = await this.#documents.update<CatalogValue>(layout.catalog, (current) =>
      change(current ?? emptyCatalog),
    );
    return document?.value ?? emptyCatalog;
  }

  /** Brings the copy up to date, if it is not. */
  async copy(): Promise<void> {
    for (;;) {
      const copy = await this.#documents.readOver<CatalogCopy>(layout.catalogCopy, noCopy);
      // Read behind the copy that is replaced: so a copy is never older than the one before it.
      const current = await this.#readWhole();
      if (current === undefined || copy?.value.revision === current.revision) return;
      const { value: catalog, generation, revision } = current;
      const value = { catalog, generation, revision };
      const written = copy
        ? this.#documents.replace<CatalogCopy>(copy, { value })
        : this.#documents.create<CatalogCopy>(layout.catalogCopy, { value });
      if ((await written.catch(unlessChanged)) !== undefined) return;
    }
  }

  async #readWhole(): Promise<Document<CatalogValue> | undefined> {
    const document = await this.#documents.read<CatalogValue>(layout.catalog);
    if (document === undefined || Array.isArray(document.value.entries)) return document;
    throw new DocumentDamaged(layout.catalog, "it has no entries", document.revision);
  }

  /** @param cause why it cannot be read; undefined when it is not there */
  async #heal(cause: ObjectDamaged | undefined): Promise<Document<CatalogValue> | undefined> {
    const copy = await this.#copy();
    if (copy === undefined) {
      if (cause === undefined) return undefined;
      throw new CatalogLost(cause);
    }
    const { catalog: value } = copy;
    const found = await this.#documents.readOver<CatalogValue>(layout.catalog, value);
    const healed = !found
      ? this.#documents.create<CatalogValue>(layout.catalog, { value })
      : found.value === value
        ? this.#documents.replace({ ...found, generation: copy.generation + ahead }, { value })
        : undefined;
    // Somebody else may have been first.
    return (await healed?.catch(unlessChanged)) ?? this.#readWhole();
  }

  async #copy(): Promise<CatalogCopy | undefined> {
    try {
      return (await this.#documents.read<CatalogCopy>(layout.catalogCopy))?.value;
    } catch (error) {
      if (error instanceof DocumentDamaged) throw new CatalogLost(error);
      throw error;
    }
  }
}

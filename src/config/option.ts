/** One row of the table of options. */
import type { SchemaObject } from "ajv";

export interface Option {
  /** Place in the configuration file; flag and variable are made from it. */
  readonly pointer: `/${string}`;
  /** JSON schema of the value; `default` stands here, `format` names a check of formats.ts. */
  readonly schema: SchemaObject;
  /** What help prints behind the flag; none for switches. */
  readonly value?: string;
  readonly summary: string;
  /** The default in words, where it follows from other options. */
  readonly otherwise?: string;
  /** False for what makes no sense inside the file itself. */
  readonly inFile?: false;
  /** Option of the Catalog package (deploy/) where its name does not follow; empty for none. */
  readonly catalog?: string;
}

/** One row of the table of options. */

/** A JSON schema of the few keywords that options need. */
export interface ValueSchema {
  readonly type: "string" | "integer" | "boolean";
  readonly default?: string | number | boolean;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** 1: not empty. */
  readonly minLength?: number;
  /** Name of a check of formats.ts. */
  readonly format?: string;
}

export interface Option {
  /** Place in the configuration file; flag and variable are made from it. */
  readonly pointer: `/${string}`;
  /** Of the value; its default stands here. */
  readonly schema: ValueSchema;
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

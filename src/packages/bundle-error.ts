/** What a `.dcos` file, or the package inside it, can have wrong; the reason is for people, the code for programs. */

export interface BundleInvalidOptions extends ErrorOptions {
  /** What the user can do about it: one sentence, without a final full stop. */
  readonly hint?: string;
}

export class BundleInvalid extends Error {
  readonly code = "BUNDLE_INVALID";
  readonly hint: string | undefined;

  constructor(message: string, { hint, ...options }: BundleInvalidOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.hint = hint;
  }
}

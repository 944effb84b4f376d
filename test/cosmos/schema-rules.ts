/**
 * Rules S1 and S2: whether packages keep to the schemas of the public catalogue.
 *
 * The schemas are read from a directory and never committed. The definition is chosen by packaging
 * version, because the errors of `oneOf` over all of them say nothing.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { ErrorObject, ValidateFunction } from "ajv";
import AjvDraft04 from "ajv-draft-04";
import type { RepoVersion } from "../../src/cosmos/client-profile.ts";
import { isObject, type Json, nameOf } from "../../src/cosmos/decoding-rules.ts";
import type { Violations } from "../../src/cosmos/violation.ts";

const definitionsFile = "vX-repo-definitions.json";
const definitions: ReadonlyMap<unknown, string> = new Map([
  ["2.0", "v20Package"],
  ["3.0", "v30Package"],
  ["4.0", "v40Package"],
  ["5.0", "v50Package"],
]);

export class CatalogSchemas {
  readonly #ajv: AjvDraft04.default;
  /** Definition names that a repository version admits. */
  readonly #admitted: ReadonlyMap<RepoVersion, ReadonlySet<string>>;
  readonly #config: ValidateFunction;

  private constructor(
    ajv: AjvDraft04.default,
    admitted: ReadonlyMap<RepoVersion, ReadonlySet<string>>,
    config: ValidateFunction,
  ) {
    this.#ajv = ajv;
    this.#admitted = admitted;
    this.#config = config;
  }

  /** @param directory with the catalogue's schema files */
  static async read(directory: string): Promise<CatalogSchemas> {
    const load = async (file: string): Promise<Json> =>
      JSON.parse(await readFile(path.join(directory, file), "utf8"));
    const ajv = new AjvDraft04.default({ strict: false, validateFormats: false, allErrors: true });
    ajv.addSchema(await load(definitionsFile), definitionsFile);
    const versions = ["v3", "v4", "v5"] as const;
    const admitted = await Promise.all(
      versions.map(async (version) => {
        const text = JSON.stringify(await load(`${version}-repo-schema.json`));
        const names = [...text.matchAll(/#\/(v\d+Package)"/g)].map(([, name = ""]) => name);
        return [version, new Set(names)] as const;
      }),
    );
    const { id: _, $schema: __, ...config } = await load("config-schema.json");
    return new CatalogSchemas(ajv, new Map(admitted), ajv.compile(config));
  }

  check(json: unknown, version: RepoVersion, violations: Violations): void {
    if (!isObject(json) || !Array.isArray(json["packages"])) return;
    const others = Object.keys(json).filter((key) => key !== "packages");
    violations.expect(others.length === 0, "S1", `other keys: ${others}`);
    for (const [position, one] of json["packages"].entries()) {
      if (isObject(one))
        this.#checkPackage(one, version, violations.at(` ${nameOf(one, position)} `));
    }
  }

  #checkPackage(one: Json, version: RepoVersion, violations: Violations): void {
    const name = definitions.get(one["packagingVersion"]);
    if (name === undefined || !this.#admitted.get(version)?.has(name)) {
      violations.add("S1", `${version} admits no packaging version ${one["packagingVersion"]}`);
      return;
    }
    const validate = this.#ajv.getSchema(`${definitionsFile}#/${name}`);
    if (validate && !validate(one)) violations.add("S1", described(validate.errors));
    const { config } = one;
    if (config !== undefined && !this.#config(config)) {
      violations.add("S2", described(this.#config.errors));
    }
  }
}

function described(errors: readonly ErrorObject[] | null | undefined): string {
  const texts = (errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath || "/"} ${message} ${JSON.stringify(params)}`.slice(0, 300),
  );
  return texts.slice(0, 5).join("; ");
}

/**
 * A DC/OS package as the catalogue describes it, packaging version 4.0 and 5.0.
 *
 * The same shape serves three documents: the build definition (`migrate` writes it, references and
 * original URLs inside), the metadata in a bundle (assets named by their place in the bundle) and
 * the entry of `/repo` (absolute URLs, plus `releaseVersion`). Field order here is the order in
 * which documents are written. Source: the catalogue's metadata-schema.json.
 */

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

export type CliPlatform = "darwin" | "linux" | "windows";

export interface ContentHash {
  readonly algo: "sha256";
  /** 64 lower-case hexadecimal digits. */
  readonly value: string;
}

export interface CliBinary {
  readonly contentHash: readonly ContentHash[];
  readonly kind: "executable" | "zip";
  readonly url: string;
}

export interface PackageImages {
  readonly "icon-small"?: string;
  readonly "icon-medium"?: string;
  readonly "icon-large"?: string;
  readonly screenshots?: readonly string[];
}

export interface PackageAssets {
  readonly uris?: Readonly<Record<string, string>>;
  readonly container?: { readonly docker: Readonly<Record<string, string>> };
}

export interface PackageResource {
  readonly assets?: PackageAssets;
  readonly images?: PackageImages;
  readonly cli?: {
    readonly binaries: Readonly<Partial<Record<CliPlatform, { readonly "x86-64": CliBinary }>>>;
  };
}

export interface PackageDefinition {
  readonly packagingVersion: "4.0" | "5.0";
  readonly name: string;
  readonly version: string;
  readonly maintainer: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly scm?: string;
  readonly website?: string;
  readonly framework?: boolean;
  readonly preInstallNotes?: string;
  readonly postInstallNotes?: string;
  readonly postUninstallNotes?: string;
  readonly licenses?: readonly { readonly name: string; readonly url: string }[];
  readonly minDcosReleaseVersion?: string;
  readonly lastUpdated?: number;
  readonly hasKnownIssues?: boolean;
  readonly upgradesFrom?: readonly string[];
  readonly downgradesTo?: readonly string[];
  /** 5.0 only. */
  readonly manager?: JsonObject & { readonly packageName: string };
  readonly marathon?: { readonly v2AppMustacheTemplate: string };
  readonly resource?: PackageResource;
  readonly config?: JsonObject;
}

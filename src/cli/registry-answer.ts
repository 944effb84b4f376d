/**
 * What the registry answers to `/package/…`, `/gc`, `/scrub` and `/health`, checked before it is believed.
 *
 * Each reader gives the document as it came, which `--json` prints, beside the few fields that are
 * printed for people. A field that is missing where it is needed makes the answer a foreign one.
 */
import { arrayOf, fieldsOf, isFields, numberOf, parseFields, textOf } from "./json-fields.ts";
import { type Answer, documentOf, foreignAnswer } from "./registry-refusal.ts";

export interface PackageName {
  readonly name: string;
  readonly version: string;
}

export interface ListedPackage extends PackageName {
  readonly status: string;
  readonly releaseVersion: number | undefined;
  readonly root: string | undefined;
  /** False when `add` found the same package there already. */
  readonly created: boolean;
}

/** The verbatim document beside the fields that are printed from it. */
export interface Answered<T> {
  readonly document: unknown;
  readonly value: T;
}

export interface DescribedPackage extends ListedPackage {
  readonly images: readonly { readonly reference: string; readonly image: string }[];
  readonly assets: readonly { readonly url: string; readonly size: number | undefined }[];
}

export interface HealthCheckResult {
  readonly name: string;
  readonly healthy: boolean;
  readonly message: string;
}

/** Blobs and bytes. */
export interface Collected {
  readonly unreferenced: number;
  readonly unreferencedBytes: number;
  readonly collected: number;
  readonly collectedBytes: number;
}

export function collectedOf(answer: Answer): Answered<Collected> {
  const document = documentOf(answer);
  const report = document["report"];
  if (!isFields(report)) throw foreignAnswer(answer);
  const figure = (name: keyof Collected): number => numberOf(report[name]) ?? 0;
  return {
    document,
    value: {
      unreferenced: figure("unreferenced"),
      unreferencedBytes: figure("unreferencedBytes"),
      collected: figure("collected"),
      collectedBytes: figure("collectedBytes"),
    },
  };
}

export interface ScrubStatus {
  readonly state: string;
  /** Bytes of the pass that goes on. */
  readonly verified: number;
  readonly last?: { readonly finishedAt: string; readonly blobs: number; readonly bytes: number };
  readonly damages: readonly { readonly subject: string; readonly why: string }[];
}

export function scrubStatusOf(answer: Answer): Answered<ScrubStatus> {
  const document = documentOf(answer);
  const state = textOf(document["state"]);
  if (state === undefined || !Array.isArray(document["damages"])) throw foreignAnswer(answer);
  const finishedAt = textOf(fieldsOf(document["last"])["finishedAt"]);
  const figure = (of: "position" | "last", name: string): number =>
    numberOf(fieldsOf(fieldsOf(document[of])["counts"])[name]) ?? 0;
  const last = { blobs: figure("last", "blobs"), bytes: figure("last", "bytes") };
  const damages = document["damages"].map((damage) => {
    const { digest, key, why } = fieldsOf(damage);
    return { subject: textOf(digest) ?? textOf(key) ?? "", why: textOf(why) ?? "" };
  });
  return {
    document,
    value: {
      state,
      verified: figure("position", "bytes"),
      ...(finishedAt !== undefined && { last: { finishedAt, ...last } }),
      damages,
    },
  };
}

export function packagesOf(answer: Answer): Answered<readonly ListedPackage[]> {
  const document = documentOf(answer);
  const packages = arrayOf(document["packages"]).map(listedPackage);
  if (!Array.isArray(document["packages"]) || packages.includes(undefined)) {
    throw foreignAnswer(answer);
  }
  return { document, value: packages.filter((entry) => entry !== undefined) };
}

/** What is known of the bytes of a package that was removed for good. */
export interface Removed {
  readonly packages: readonly ListedPackage[];
  /** Absent where the registry does not say. */
  readonly reclaim?: {
    readonly collected: boolean;
    readonly reason: string | undefined;
    readonly freedBy: string | undefined;
  };
}

export function removedOf(answer: Answer): Answered<Removed> {
  const { document, value: packages } = packagesOf(answer);
  const { reclaim } = fieldsOf(document);
  if (!isFields(reclaim)) return { document, value: { packages } };
  const { collected, reason, freedBy } = reclaim;
  const told = { reason: textOf(reason), freedBy: textOf(freedBy) };
  return { document, value: { packages, reclaim: { collected: collected === true, ...told } } };
}

export function describedPackageOf(answer: Answer): Answered<DescribedPackage> {
  const document = documentOf(answer);
  const listed = listedPackage(document);
  if (listed === undefined) throw foreignAnswer(answer);
  const images = arrayOf(document["images"]).map((image) => ({
    reference: textOf(fieldsOf(image)["reference"]) ?? "",
    image: textOf(fieldsOf(image)["image"]) ?? "",
  }));
  const assets = arrayOf(document["assets"]).map((asset) => ({
    url: textOf(fieldsOf(asset)["url"]) ?? "",
    size: numberOf(fieldsOf(asset)["size"]),
  }));
  return { document, value: { ...listed, images, assets } };
}

/** Health is told by the body: a 503 with checks is an answer, not a failure to answer. */
export function healthOf(answer: Answer): Answered<readonly HealthCheckResult[]> {
  const document = parseFields(answer.body);
  const checks = document?.["checks"];
  if (document === undefined || !isFields(checks)) {
    documentOf(answer);
    throw foreignAnswer(answer);
  }
  const value = Object.entries(checks).map(([name, check]) => {
    const healthy = fieldsOf(check)["Healthy"];
    const outcome = fieldsOf(healthy ?? fieldsOf(check)["Unhealthy"]);
    return { name, healthy: healthy !== undefined, message: textOf(outcome["message"]) ?? "" };
  });
  return { document, value };
}

function listedPackage(value: unknown): ListedPackage | undefined {
  const fields = fieldsOf(value);
  const name = textOf(fields["name"]);
  const version = textOf(fields["version"]);
  if (name === undefined || version === undefined) return undefined;
  return {
    name,
    version,
    status: textOf(fields["status"]) ?? "",
    releaseVersion: numberOf(fields["releaseVersion"]),
    root: textOf(fields["root"]),
    created: fields["created"] !== false,
  };
}

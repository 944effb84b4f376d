/** A package as Cosmos shows it: every file behind its own resource proxy. */
import { isObject, isText, type Json } from "../../src/cosmos/decoding-rules.ts";

/** The original goes in as it is, without encoding: URLs with `&` or `#` break here, as in Cosmos. */
export function proxied(one: Json, base: string): Json {
  const { resource } = one;
  if (!isObject(resource)) return one;
  const url = (text: unknown) => (isText(text) ? `${base}/package/resource?url=${text}` : text);
  const { assets, images, cli } = resource;
  return {
    ...one,
    resource: {
      ...resource,
      ...(isObject(assets) && { assets: { ...assets, ...inUris(assets["uris"], url) } }),
      ...(isObject(images) && { images: mapText(images, url) }),
      ...(isObject(cli) && { cli: inBinaries(cli, url) }),
    },
  };
}

type Change = (text: unknown) => unknown;

function inUris(uris: unknown, change: Change): Json {
  return isObject(uris) ? { uris: mapText(uris, change) } : {};
}

function inBinaries(cli: Json, change: Change): Json {
  const { binaries } = cli;
  if (!isObject(binaries)) return cli;
  const changed = Object.entries(binaries).map(([platform, entry]) => {
    const binary = isObject(entry) && isObject(entry["x86-64"]) ? entry["x86-64"] : {};
    return [platform, { "x86-64": { ...binary, url: change(binary["url"]) } }];
  });
  return { binaries: Object.fromEntries(changed) };
}

function mapText(values: Json, change: Change): Json {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(change) : change(value),
    ]),
  );
}

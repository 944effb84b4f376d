/** The rows about the service's names: in DC/OS, in URLs and in image references. */
import type { Option } from "./option.ts";

export const serviceOptions: readonly Option[] = [
  {
    pointer: "/service/name",
    schema: { type: "string", format: "service-name", default: "dcos-registry" },
    value: "NAME",
    summary: "name of the service in DC/OS; setting it makes its load-balanced name the public one",
    catalog: "service.name",
  },
  {
    pointer: "/service/former-name",
    schema: { type: "string", format: "service-name" },
    value: "NAME",
    summary: "name that the service had before; its certificate stays good for it",
    catalog: "service.former-name",
  },
  {
    pointer: "/service/instances",
    schema: { type: "integer", minimum: 1, maximum: 1000, default: 1 },
    value: "N",
    summary: "how many instances there are; more than one needs a bucket that can arbitrate",
    catalog: "service.instances",
  },
  {
    pointer: "/public-url",
    schema: { type: "string", format: "https-url" },
    value: "URL",
    summary: "base of the URLs that /repo hands out",
    otherwise: "the service's load-balanced name if it was set, else the listen address",
  },
  {
    pointer: "/image-host",
    schema: { type: "string", format: "image-host" },
    value: "HOST[:PORT]",
    summary: "registry host in image references that /repo hands out",
    otherwise: "host and port of the public URL",
  },
];

/** Ping, names, methods, errors, query parameters that mean nothing here (rule table 1.1). */
import { bytesOf, configBytes, digestOf, pushBlob } from "../content.ts";
import type { Script, Step } from "../script.ts";

const unknown = digestOf("never pushed");

function refusesName(name: string, why: string): Script {
  const refused = { status: 400, error: "NAME_INVALID" };
  return {
    title: `refuses a repository name with ${why}`,
    steps: [
      { ask: `GET /v2/${name}/tags/list`, expect: refused },
      { ask: `GET /v2/${name}/blobs/${unknown}`, expect: refused },
      { ask: `GET /v2/${name}/manifests/latest`, expect: refused },
      { ask: `POST /v2/${name}/blobs/uploads/`, expect: refused },
    ],
  };
}

function takesName(suffix: string, why: string): Script {
  const name = `{name}${suffix}`;
  return {
    title: `takes a repository name with ${why}`,
    steps: [
      ...pushBlob(configBytes, { name }),
      { ask: `GET /v2/${name}/blobs/${digestOf(configBytes)}`, expect: { status: 200 } },
    ],
  };
}

function methodNotAllowed(ask: string, allow: string): Step {
  return { ask, expect: { status: 405, error: "UNSUPPORTED", headers: { allow } } };
}

export const basics: readonly Script[] = [
  {
    title: "answers the ping with an empty object",
    steps: [
      {
        ask: "GET /v2/",
        expect: { status: 200, json: {}, headers: { "content-type": "application/json" } },
      },
    ],
  },
  {
    title: "answers the ping without a slash at the end, if need be by a redirect",
    steps: [{ ask: "GET /v2", expect: { status: [200, 301] } }],
  },
  takesName("/a.b", "a dot"),
  takesName("/a__b", "two underscores"),
  takesName("/a---b", "a run of hyphens"),
  takesName("/blobs/uploads", "the words that routes are made of"),
  takesName("/manifests/latest/tags/list", "whole routes inside"),
  refusesName("Upper/case", "upper case"),
  refusesName("a___b", "three underscores"),
  refusesName("a//b", "an empty component"),
  refusesName("a.-b", "two different separators"),
  refusesName("-a", "a separator in front"),
  refusesName("a%2F..%2Fb", "dots for the parent directory"),
  refusesName("a%00b", "a zero byte"),
  refusesName("a".repeat(256), "more than 255 characters"),
  {
    title: "answers 404 with an envelope where there is no route",
    steps: [
      { ask: "GET /v2/{name}", expect: { status: 404 } },
      { ask: "GET /v2/{name}/nothing/here", expect: { status: 404 } },
      { ask: "GET /v2//", expect: { status: 404 } },
      { ask: "GET /v2/{name}/tags/list/", expect: { status: 404 } },
      { ask: "GET /v2/%ff/tags/list", expect: { status: 404 } },
    ],
  },
  {
    title: "answers 405 and names the methods where a method has no meaning",
    steps: [
      methodNotAllowed("PUT /v2/_catalog", "GET, HEAD"),
      methodNotAllowed("POST /v2/{name}/tags/list", "GET, HEAD"),
      methodNotAllowed(`POST /v2/{name}/blobs/${unknown}`, "GET, HEAD, DELETE"),
      methodNotAllowed("POST /v2/{name}/manifests/latest", "GET, HEAD, PUT, DELETE"),
      methodNotAllowed("DELETE /v2/{name}/blobs/uploads/", "POST"),
      methodNotAllowed(`DELETE /v2/{name}/referrers/${unknown}`, "GET, HEAD"),
    ],
  },
  {
    title: "does not mind parameters that it does not know, nor the ns of containerd",
    steps: [
      ...pushBlob(bytesOf("with parameters")),
      {
        ask: `GET /v2/{name}/blobs/${digestOf("with parameters")}`,
        query: { ns: "docker.io", unknown: "x", "": "y" },
        expect: { status: 200, headers: { "oci-namespace": null } },
      },
      { ask: "GET /v2/_catalog", query: { ns: "docker.io", n: "1" }, expect: { status: 200 } },
    ],
  },
];

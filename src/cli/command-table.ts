/**
 * The commands there are, each loaded only when it is asked for.
 *
 * Loading everything would make `--version` and `--help` several times slower, and `dcos` runs
 * its plugins often. The summary here is the description of the command itself (a test compares).
 */
import type { CommandFactory } from "./context.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandFactory>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: "migrate",
    summary: "Turn a package directory of the catalogue into a build definition",
    load: async () => (await import("./migrate.ts")).migrate,
  },
  {
    name: "build",
    summary: "Build a package: fetch its assets and images into one .dcos file",
    load: async () => (await import("./build.ts")).build,
  },
  {
    name: "add",
    summary: "Add a package to the registry, from its .dcos file",
    load: async () => (await import("./add.ts")).add,
  },
  {
    name: "describe",
    summary: "Show a package of the registry: its state, images and assets",
    load: async () => (await import("./describe.ts")).describe,
  },
  {
    name: "list",
    summary: "List the packages of the registry, the last added version first",
    load: async () => (await import("./list.ts")).list,
  },
  {
    name: "remove",
    summary: "Remove a version of a package from the registry",
    load: async () => (await import("./remove.ts")).remove,
  },
  {
    name: "activate",
    summary: "Install the registry into the attached cluster, with account, secret and repository",
    load: async () => (await import("./activate.ts")).activate,
  },
  {
    name: "trust",
    summary: "Show, install or check what an agent needs to trust the registry",
    load: async () => (await import("./trust.ts")).trust,
  },
  {
    name: "doctor",
    summary: "Find out what is wrong with the registry or with the cluster around it",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "serve",
    summary: "Serve bundles straight from their files, read-only: registry and package repository",
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "export",
    summary: "Save packages of the registry as .dcos files",
    load: async () => (await import("./export.ts")).exportPackages,
  },
  {
    name: "restore",
    summary: "Add all packages of an exported directory, as they were",
    load: async () => (await import("./restore.ts")).restore,
  },
  {
    name: "gc",
    summary: "Free content that nothing references any more",
    load: async () => (await import("./gc.ts")).gc,
  },
  {
    name: "scrub",
    summary: "Verify all that is stored in the registry; fails when it is damaged",
    load: async () => (await import("./scrub.ts")).scrub,
  },
  {
    name: "health",
    summary: "Show whether the registry is healthy; exits with 0 when it is",
    load: async () => (await import("./health.ts")).health,
  },
];

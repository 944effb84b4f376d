/** Registries over one store, on every adapter: the actors of the registry's tests. */
import { afterEach, beforeEach, describe } from "node:test";
import { openRegistry, type Registry, type RegistryOptions } from "../../src/registry/registry.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { ScriptedStore } from "../storage/scripted-store.ts";
import {
  closeClean,
  type OpenStore,
  openFilesystem,
  openMemory,
  type StoreUnderTest,
} from "../storage/store-under-test.ts";

/** One instance of a server: it shares nothing with the others but the store. */
export interface Instance extends Registry {
  readonly store: ScriptedStore;
}

export interface RegistryUnderTest {
  readonly here: Instance;
  readonly there: Instance;
  /** The store itself, for looking behind the registry's back. */
  readonly store: ObjectStore;
}

const options: RegistryOptions = { manifestLimit: 64 * 1024, uploadLifeMs: 60 * 60 * 1000 };

const adapters: Readonly<Record<string, OpenStore>> = {
  memory: openMemory,
  filesystem: openFilesystem,
};

/** Runs the same sentences on every adapter. @param body gets the registry of the test that runs */
export function describeRegistry(
  name: string,
  body: (tested: () => RegistryUnderTest) => void,
): void {
  for (const [adapter, open] of Object.entries(adapters)) {
    describe(`${name}, on ${adapter}`, () => {
      let store: StoreUnderTest;
      let tested: RegistryUnderTest;
      beforeEach(async () => {
        store = await open();
        tested = {
          here: instanceOn(store.store),
          there: instanceOn(store.sibling),
          store: store.store,
        };
      });
      afterEach(() => closeClean(store));
      body(() => tested);
    });
  }
}

function instanceOn(inner: ObjectStore): Instance {
  const store = new ScriptedStore(inner);
  return { ...openRegistry(store, options), store };
}

/** The memory adapter keeps the port's contract. */
import { describeObjectStore } from "./object-store-contract.ts";
import { openMemory } from "./store-under-test.ts";

describeObjectStore("memory", openMemory);

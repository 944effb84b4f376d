/** The filesystem adapter keeps the port's contract. */
import { describeObjectStore } from "./object-store-contract.ts";
import { openFilesystem } from "./store-under-test.ts";

describeObjectStore("filesystem", openFilesystem);

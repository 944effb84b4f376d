/** All checks, in the order in which a request meets what they look at. */
import { certificateCheck } from "./certificate-check.ts";
import type { Check } from "./check.ts";
import { cosmosCheck } from "./cosmos-check.ts";
import {
  clockCheck,
  diskCheck,
  registryCheck,
  storageCheck,
  versionCheck,
} from "./health-checks.ts";
import { nameCheck } from "./name-check.ts";
import { dnsCheck, vipCheck } from "./reach-checks.ts";
import { repositoryCheck } from "./repository-check.ts";
import { trustCheck } from "./trust-check.ts";

export const checks: readonly Check[] = [
  nameCheck,
  dnsCheck,
  vipCheck,
  certificateCheck,
  trustCheck,
  registryCheck,
  storageCheck,
  diskCheck,
  clockCheck,
  versionCheck,
  repositoryCheck,
  cosmosCheck,
];

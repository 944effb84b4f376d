/** All parts of the registry over one object store, made in one place. */
import { Documents } from "../storage/document.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { SigningKeyDocument } from "../storage/signing-keys.ts";
import { isPresent } from "./blob-record.ts";
import { BlobStore } from "./blob-store.ts";
import { HiddenBlobs } from "./hidden-blobs.ts";
import { layout } from "./layout.ts";
import { ManifestLinks } from "./manifest-link.ts";
import { Manifests } from "./manifests.ts";
import { Referrers } from "./referrers.ts";
import { RepositoryIndex } from "./repository-index.ts";
import { Tags } from "./tags.ts";
import { UploadTickets } from "./upload-id.ts";
import { SessionDocuments } from "./upload-session.ts";
import { Uploads } from "./uploads.ts";

export interface RegistryOptions {
  /** Bytes of the largest manifest that is accepted. */
  readonly manifestLimit: number;
  /** How long an upload may take from its start to its end. */
  readonly uploadLifeMs: number;
  /** Milliseconds since 1970; the system's clock unless a test brings its own. */
  readonly now?: () => number;
}

export interface Registry {
  readonly documents: Documents;
  readonly signingKeys: SigningKeyDocument;
  readonly blobs: BlobStore;
  readonly hidden: HiddenBlobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly repositories: RepositoryIndex;
  readonly options: RegistryOptions;
}

export function openRegistry(store: ObjectStore, options: RegistryOptions): Registry {
  const documents = new Documents(store);
  const signingKeys = new SigningKeyDocument(documents, layout.signingKeys);
  const blobs = new BlobStore(store, documents);
  const hidden = new HiddenBlobs(documents, async (digest) => isPresent(await blobs.fence(digest)));
  const links = new ManifestLinks(documents);
  const tags = new Tags(store, documents);
  const referrers = new Referrers(store, documents, links);
  const repositories = new RepositoryIndex(store, documents);
  const { manifestLimit, uploadLifeMs } = options;
  const manifests = new Manifests({
    blobs,
    links,
    tags,
    referrers,
    hidden,
    repositories,
    manifestLimit,
  });
  const tickets = new UploadTickets(signingKeys, uploadLifeMs, options.now);
  const uploads = new Uploads(store, blobs, new SessionDocuments(documents), tickets);
  return {
    documents,
    signingKeys,
    blobs,
    hidden,
    uploads,
    manifests,
    tags,
    referrers,
    repositories,
    options,
  };
}

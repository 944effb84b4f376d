/** All parts of the registry over one object store, made in one place. */
import type { Digest } from "../oci/digest.ts";
import { DocumentCache } from "../storage/document-cache.ts";
import type { DocumentChanges } from "../storage/document-changes.ts";
import { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { RecentDocuments } from "../storage/recent-documents.ts";
import { SigningKeyDocument } from "../storage/signing-keys.ts";
import { isPresent } from "./blob-record.ts";
import { BlobStore } from "./blob-store.ts";
import { HiddenBlobs } from "./hidden-blobs.ts";
import { isCached, layout } from "./layout.ts";
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
  /** Told of each blob that is here and could not be read as what it should be. */
  readonly onSuspect?: (digest: Digest) => void;
  /** Milliseconds since 1970; the system's clock unless a test brings its own. */
  readonly now?: () => number;
}

/** Where readers find documents in memory, and who is told when those change. */
export interface Coherence {
  readonly cache: DocumentCache;
  /** The cache itself, when no other process of this server has one. */
  readonly changes: DocumentChanges;
}

export interface Registry {
  readonly documents: Documents;
  readonly recent: RecentDocuments;
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

/** @param coherence left out, every read asks the store */
export function openRegistry(
  store: ObjectStore,
  options: RegistryOptions,
  { cache, changes }: Coherence = withoutCache(),
): Registry {
  const documents = new Documents(store, changesOfCached(changes));
  const recent = new RecentDocuments(documents, cache);
  const signingKeys = new SigningKeyDocument(documents, layout.signingKeys);
  const blobs = new BlobStore(store, documents, recent, options.onSuspect);
  const hidden = new HiddenBlobs(documents, recent, async (digest) =>
    isPresent(await blobs.fence(digest)),
  );
  const links = new ManifestLinks(documents, recent);
  const tags = new Tags(store, documents, recent);
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
    recent,
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

function withoutCache(): Coherence {
  const cache = new DocumentCache({ maxAgeMs: 0 });
  return { cache, changes: cache };
}

/** Most documents are in nobody's memory: nobody has to hear of them. */
export function changesOfCached(changes: DocumentChanges): DocumentChanges {
  return {
    begin: async (key, exists) =>
      isCached(key, exists) ? changes.begin(key, exists) : () => undefined,
  };
}

/** Which bucket, where, and as whom: what an operator says about an S3 store. */
import type { Dispatcher } from "undici";
import type { CredentialsSource } from "./credentials.ts";
import type { ReceiveBuffers } from "./receive-buffers.ts";

export interface S3Options {
  readonly bucket: string;
  /** In front of every key, without slashes at its ends; empty for the whole bucket. */
  readonly path: string;
  /** `http://` or `https://`; undefined for Amazon's own. */
  readonly endpoint?: string;
  readonly region: string;
  /** Bucket in the path of URLs, not in the host name. */
  readonly forcePathStyle: boolean;
  /** Undefined lets the AWS client look: variables, web identity, container, instance metadata. */
  readonly credentials?: CredentialsSource;
  /**
   * Opens connections, with their proxy and trust, at most so many at a time.
   *
   * @param received where what comes over them is to lie, if they are not encrypted
   */
  readonly connect: (connections: number, received?: ReceiveBuffers) => Dispatcher;
  /** Told of every operation that has ended. */
  readonly observe?: (operation: S3Operation) => void;
}

/** One operation of the store, which may have taken several attempts. */
export interface S3Operation {
  /** For example `PutObject`. */
  readonly name: string;
  readonly attempts: number;
  /** Until the answer began; bodies that are streamed are not in it. */
  readonly durationMs: number;
  /** The server's or the platform's code of a failure; undefined after success. */
  readonly failure?: string;
}

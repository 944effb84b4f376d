/** Header fields of our own that clients and servers have to spell alike; nobody else knows them. */

/**
 * Of a request that begins an upload: bytes that it and the requests behind it bring together. The
 * registry refuses what has no room as a whole (507), before any of it was sent.
 */
export const bytesToCome = "dcos-bytes-to-come";

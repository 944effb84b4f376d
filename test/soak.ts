/** Heavy tests have two sizes: one for each change, and a full one that `npm run soak` asks for. */

export const soak = process.env["SOAK"] === "1";

/** @returns `full` under `npm run soak`, otherwise `short` */
export function sized(short: number, full: number): number {
  return soak ? full : short;
}

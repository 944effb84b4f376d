/** Who somebody is and what they may do, after their credentials were checked. */

/** One entry of a registry token's `access` claim, as Docker's token specification has it. */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface Principal {
  /** For logs: a user's name, `token 1` for the first line of the token file, `loopback`. */
  readonly subject: string;
  /** `all`, or what the token that was shown is limited to. */
  readonly access: "all" | readonly Access[];
}

/** Whoever shows no credentials. */
export const anonymous: Principal = { subject: "", access: [] };

/** Whether `principal` may do `action` (`push`, `delete`, …) in `repository`. */
export function mayIn(principal: Principal, repository: string, action: string): boolean {
  if (principal.access === "all") return true;
  return principal.access.some(
    ({ type, name, actions }) =>
      type === "repository" &&
      name === repository &&
      (actions.includes(action) || actions.includes("*")),
  );
}

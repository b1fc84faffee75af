import { withHead } from "../../foundation/content.ts";
import type { OutgoingWriter } from "../ports.ts";

/** Letters leave as they are, or not at all: the account says which. */
export const writePlainLetter: OutgoingWriter = async ({ account, header, body }) => {
  if (account.plain !== "allowed")
    return {
      kind: "refused",
      why: `Nothing was sent: providers could read it, and ${account.address} may not send in the clear. To allow it: postern gateway plain ${account.address} allow`,
    };
  return { kind: "leaves", how: "plain", content: withHead(header, body) };
};

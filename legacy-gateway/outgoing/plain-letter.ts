import type { OutgoingWriter } from "../ports.ts";

/** Letters leave as they are, or not at all: the account says which. */
export const writePlainLetter: OutgoingWriter = async ({ account, header, body }) => {
  if (account.plain !== "allowed")
    return {
      kind: "refused",
      why: `Nothing was sent: providers could read it, and ${account.address} may not send in the clear. To allow it: postern gateway plain ${account.address} allow`,
    };
  return { kind: "leaves", content: concat(header, body) };
};

async function* concat(head: Uint8Array, tail: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* tail;
}

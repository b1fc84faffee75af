import { foldedField } from "../../mime/field-text.ts";

/** Who is written to by which road. */
export interface RoadsTaken {
  /** Addresses of contacts. */
  readonly overlay: readonly string[];
  /** Old addresses, and the own one that they see. */
  readonly old: readonly string[];
  readonly oldSender: string;
  /** The user gets a copy as a letter. */
  readonly self: boolean;
}

/**
 * Fields on top of the sender's own copy that say by which road each recipient was written to. They never leave: the
 * bridge takes them off what is submitted, and nothing but the copy carries them.
 */
export function roadFields({ overlay, old, oldSender, self }: RoadsTaken): Buffer {
  const field = (road: string, to: readonly string[]): string =>
    to.length === 0 ? "" : foldedField("X-Postern-Road", [`${road}; to=${to.join(",\r\n ")}`], "");
  const lines = [
    field("overlay", overlay),
    field(`e-mail; from=${oldSender}`, old),
    self ? "X-Postern-Road: none; to=yourself\r\n" : "",
  ];
  return Buffer.from(lines.join(""), "utf8");
}

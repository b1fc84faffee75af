import { type ByteReader, type ByteWriter, DecodeError } from "../../foundation/bytes.ts";

/** How one kind of command or response is written: its type byte and its fields. */
export interface Codec<T extends { readonly kind: string }> {
  readonly kind: T["kind"];
  readonly type: number;
  write(message: T, to: ByteWriter): void;
  /** @throws DecodeError where a field is cut short or impossible; what follows the fields is the caller's to refuse */
  read(from: ByteReader): T;
}

/** A field whose length both sides know; a wrong length is the writer's bug. */
export function writeFixed(to: ByteWriter, bytes: Uint8Array, size: number): void {
  if (bytes.length !== size) throw new Error(`a field of ${bytes.length} bytes where ${size} belong`);
  to.raw(bytes);
}

/** One of the values of a table by its code. @throws DecodeError */
export function readChoice<T>(from: ByteReader, values: readonly T[]): T {
  const value = values[from.u8()];
  if (value === undefined) throw new DecodeError("unknown code");
  return value;
}

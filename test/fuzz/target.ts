import type { Arbitrary } from "fast-check";

/** A reader of octets from outside, and how to make octets that get far into it. */
export interface Target {
  readonly name: string;
  /** Whole inputs that are well formed; mutations begin from them. */
  readonly seeds: readonly Buffer[];
  /** Words of the language that mutations put in. */
  readonly tokens: readonly string[];
  /** Inputs made after the grammar. */
  readonly structured: Arbitrary<Buffer>;
  /** Reads the input. Throws or rejects if the reader did anything but take it or refuse it as its contract says. */
  run(input: Buffer): void | Promise<void>;
}

/** Text with one octet per character as octets. */
export function octets(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

import * as fc from "fast-check";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Target } from "./target.ts";

/** A reader of what a relay or a contact sends, and inputs that it takes. */
export interface Reader {
  read(input: Buffer): unknown;
  readonly seeds: readonly Buffer[];
}

/** Longest run of random octets that a structured input has behind a part of a seed. */
const RANDOM_MAX = 200;

/**
 * Many readers as one target: an input's first octet chooses. They take the rest, or refuse it with DecodeError, or with
 * Failure where a person typed it; anything else is a fault.
 */
export function severalReaders(name: string, tokens: readonly string[], readers: readonly Reader[]): Target {
  const seeds = readers.flatMap((reader, which) => reader.seeds.map((seed) => Buffer.concat([Buffer.of(which), seed])));
  return {
    name,
    seeds,
    tokens,
    // What is whole up to some place and then anything comes further than what is random from the beginning.
    structured: fc
      .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: RANDOM_MAX }))
      .map(([seed, at, rest]) => Buffer.concat([seed.subarray(0, 1 + (at % seed.length)), rest])),
    run(input) {
      try {
        readers[(input[0] ?? 0) % readers.length]?.read(input.subarray(1));
      } catch (error) {
        if (!(error instanceof DecodeError || error instanceof Failure)) throw error;
      }
    },
  };
}

import type { Codec } from "./codec.ts";

/** The version of the protocol that every relay and client speaks. */
export const PROTOCOL_VERSION = 1;

/** The version that added blobs, and is otherwise the same. */
export const BLOB_VERSION = 2;

/** The version that added one answer to several commands, and is otherwise the same. */
export const DONE_VERSION = 3;

/** All that this program speaks. */
export const PROTOCOL_VERSIONS: readonly number[] = [PROTOCOL_VERSION, BLOB_VERSION, DONE_VERSION];

/** The relay's first block: which versions it speaks. */
export interface Versions {
  readonly kind: "versions";
  readonly versions: readonly number[];
}

/** The client's first block: the version that both will speak. There is no answer. */
export interface Hello {
  readonly kind: "hello";
  readonly version: number;
}

/** `versions = count *version ; count = u8, version = u16` */
export const versions: Codec<Versions> = {
  kind: "versions",
  type: 0x80,
  write(message, to) {
    to.u8(message.versions.length);
    for (const version of message.versions) to.u16(version);
  },
  read(from) {
    return { kind: "versions", versions: Array.from({ length: from.u8() }, () => from.u16()) };
  },
};

/** `hello = version ; u16` */
export const hello: Codec<Hello> = {
  kind: "hello",
  type: 0x01,
  write: (message, to) => void to.u16(message.version),
  read: (from) => ({ kind: "hello", version: from.u16() }),
};

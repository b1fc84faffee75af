import { hash } from "node:crypto";

const ID_OCTETS = 16;

/** What a message id is looked up by: the beginning of its SHA-256. */
export function idHash(id: string): Buffer {
  return hash("sha256", id, "buffer").subarray(0, ID_OCTETS);
}

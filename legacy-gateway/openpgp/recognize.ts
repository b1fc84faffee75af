import type { Part } from "../../mime/part.ts";
import { bodyOf, type Entity, isType, parameter } from "./entity.ts";

/** What protects an entity as a whole. What lies in a part among others is never opened: nothing is mixed. */
export type Protection =
  | { readonly kind: "none" }
  /** PGP/MIME (RFC 3156 section 4). */
  | { readonly kind: "encrypted"; readonly message: Part }
  /** PGP/MIME (RFC 3156 section 5). */
  | { readonly kind: "signed"; readonly content: Part; readonly signature: Part }
  /** An armored message that is the text of a letter, as before MIME. */
  | { readonly kind: "inline-encrypted" | "inline-signed"; readonly text: Part }
  /** S/MIME, or parts that are OpenPGP among others. */
  | { readonly kind: "other" };

const SMIME = ["application/pkcs7-mime", "application/x-pkcs7-mime"];

export function recognize(entity: Entity): Protection {
  const { root } = entity;
  const children = root.children ?? [];
  const [first, second, third] = children;
  if (isType(root, "multipart/encrypted")) {
    if (parameter(root, "protocol") !== "application/pgp-encrypted") return { kind: "other" };
    if (children.length !== 2 || second === undefined || !isType(first, "application/pgp-encrypted"))
      return { kind: "other" };
    return { kind: "encrypted", message: second };
  }
  // Exchange makes this of a multipart/encrypted.
  if (
    isType(root, "multipart/mixed") &&
    children.length === 3 &&
    third !== undefined &&
    isType(first, "text/plain") &&
    bodyOf(entity, first as Part)
      .toString("latin1")
      .trim() === "" &&
    isType(second, "application/pgp-encrypted") &&
    isType(third, "application/octet-stream")
  )
    return { kind: "encrypted", message: third };
  if (isType(root, "multipart/signed")) {
    if (parameter(root, "protocol") !== "application/pgp-signature") return { kind: "other" };
    if (children.length !== 2 || first === undefined || second === undefined) return { kind: "other" };
    if (!isType(second, "application/pgp-signature")) return { kind: "other" };
    return { kind: "signed", content: first, signature: second };
  }
  if (SMIME.includes(`${root.type}/${root.subtype}`)) return { kind: "other" };
  if (isType(root, "text/plain")) {
    const text = bodyOf(entity, root);
    if (text.includes("-----BEGIN PGP MESSAGE-----")) return { kind: "inline-encrypted", text: root };
    if (text.includes("-----BEGIN PGP SIGNED MESSAGE-----")) return { kind: "inline-signed", text: root };
  }
  if (entity.octets.includes("-----BEGIN PGP MESSAGE-----") || children.some(isProtected)) return { kind: "other" };
  return { kind: "none" };
}

function isProtected(part: Part): boolean {
  return (
    isType(part, "multipart/encrypted") ||
    isType(part, "application/pgp-encrypted") ||
    SMIME.includes(`${part.type}/${part.subtype}`) ||
    (part.children ?? []).some(isProtected)
  );
}

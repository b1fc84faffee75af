import { Failure } from "../../foundation/failure.ts";
import { checkPetname } from "../../keyring/petname.ts";

/** What one might call the owner of an old address: its local part, as far as that can be a petname. */
export function petnameOf(address: string): string | undefined {
  const local = address.slice(0, address.lastIndexOf("@")).replace(/\+.*$/, "");
  const plain = local
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .slice(0, 40)
    .replace(/^[._-]+|[._-]+$/g, "");
  try {
    return checkPetname(plain);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

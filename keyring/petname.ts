import { Failure } from "../foundation/failure.ts";
import { PETNAME_MAX } from "./limits.ts";

/** Local parts that mean the bridge itself or that RFC 5321 section 4.5.1 reserves. */
const RESERVED = new Set(["postern", "postmaster", "mailer-daemon"]);

/**
 * The petname as it is, if it can be one: a local part (RFC 5321 Dot-string) of letters, digits, `.`, `_` and `-` that
 * begins and ends with a letter or digit. Case is kept for show; two that differ in case alone are one petname.
 * @throws Failure invalid, saying what is allowed
 */
export function checkPetname(petname: string): string {
  if (petname.length > PETNAME_MAX || !/^[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*$/.test(petname) || petname.includes(".."))
    throw new Failure(
      "invalid",
      `a petname has letters (a-z), digits, and . _ - between them, at most ${PETNAME_MAX} in all: bob, anna.b, dr-who`,
    );
  if (RESERVED.has(petname.toLowerCase()))
    throw new Failure("invalid", `the petname ${petname} is taken by the bridge itself`);
  return petname;
}

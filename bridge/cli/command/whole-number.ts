import { Failure } from "../../../foundation/failure.ts";

/** The number that an option was given. @throws Failure invalid, naming the option */
export function wholeNumber(option: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Failure("invalid", `${option} takes a whole number, 100 for instance`);
  return Number(text);
}

import { Failure } from "../foundation/failure.ts";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `10 GB`, `1.5 GiB`, as octets. @throws Failure invalid */
export function parseOctetSize(text: string): number {
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d{1,3})?) ?([MGT]?i?B)$/.exec(text) ?? [];
  const octets = Math.floor(Number(number) * (UNITS[unit] ?? Number.NaN));
  if (!Number.isSafeInteger(octets) || octets < 1)
    throw new Failure("invalid", `write a number and MB, GB, TB, MiB, GiB or TiB, "10 GB" for instance`);
  return octets;
}

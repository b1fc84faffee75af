/**
 * An interval of a Poisson process with this mean: whoever saw all before it knows nothing of when it ends. `random` are
 * 4 bytes that nobody can foresee.
 */
export function exponentialInterval(mean: number, random: Buffer): number {
  return -mean * Math.log((random.readUInt32BE() + 1) / 2 ** 32);
}

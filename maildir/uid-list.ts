/** The UIDs in ascending order, each once; the same array where it is so already. */
export function ascending(uids: readonly number[]): readonly number[] {
  for (let index = 1; index < uids.length; index++) {
    if ((uids[index - 1] ?? 0) < (uids[index] ?? 0)) continue;
    return [...new Set(uids)].sort((a, b) => a - b);
  }
  return uids;
}

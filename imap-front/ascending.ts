/** Lists of UIDs that ascend, compared by going over both once. */

export function common(uids: readonly number[], others: readonly number[]): number[] {
  let at = 0;
  return uids.filter((uid) => {
    while ((others[at] ?? Number.POSITIVE_INFINITY) < uid) at++;
    return others[at] === uid;
  });
}

export function without(uids: readonly number[], removed: readonly number[]): number[] {
  let at = 0;
  return uids.filter((uid) => {
    while ((removed[at] ?? Number.POSITIVE_INFINITY) < uid) at++;
    return removed[at] !== uid;
  });
}

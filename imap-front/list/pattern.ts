/**
 * Tells whether a name fits a pattern of LIST (RFC 9051 section 6.3.9): `*` stands for anything, `%` for anything but
 * the separator. All places where the pattern may be are followed at once, so that no pattern takes exponential time.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  let states = closure(pattern, new Set([0]));
  for (const character of name) {
    const next = new Set<number>();
    for (const state of states) {
      const wanted = pattern.charAt(state);
      if (wanted === "*" || (wanted === "%" && character !== "/")) next.add(state);
      else if (pattern.startsWith(character, state) && wanted !== "%") next.add(state + character.length);
    }
    if (next.size === 0) return false;
    states = closure(pattern, next);
  }
  return states.has(pattern.length);
}

/** A wildcard may stand for nothing: the places behind it count as well. */
function closure(pattern: string, states: Set<number>): Set<number> {
  for (const state of states) {
    const wanted = pattern.charAt(state);
    if (wanted === "*" || wanted === "%") states.add(state + 1);
  }
  return states;
}

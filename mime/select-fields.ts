/**
 * The fields of a header that were asked for (names in lower case), with their folded lines, and the empty line that ends
 * it. Header and result have one octet per character.
 */
export function selectFields(text: string, names: ReadonlySet<string>, not: boolean): string {
  let selected = "";
  let colon = -1;
  for (let start = 0; start < text.length; ) {
    const first = text.charCodeAt(start);
    if (first === 10 || (first === 13 && text.charCodeAt(start + 1) === 10)) return `${selected}\r\n`;
    let next = lineEnd(text, start);
    while (next < text.length && (text.charCodeAt(next) === 32 || text.charCodeAt(next) === 9))
      next = lineEnd(text, next);
    if (colon < start && colon !== text.length) {
      const found = text.indexOf(":", start);
      colon = found < 0 ? text.length : found;
    }
    if (colon < next) {
      const name = text.slice(start, colon).trimEnd().toLowerCase();
      if (names.has(name) !== not) selected += text.slice(start, next);
    }
    start = next;
  }
  return selected;
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end + 1;
}

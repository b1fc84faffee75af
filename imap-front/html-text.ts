/** Elements whose content is not shown. */
const HIDDEN: ReadonlySet<string> = new Set(["style", "script", "head", "title", "template"]);

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** The text that an HTML page shows, roughly: tags, comments and hidden elements become blanks. Takes linear time. */
export function htmlText(html: string): string {
  const lower = html.toLowerCase();
  let text = "";
  for (let at = 0; at < html.length; ) {
    const tag = html.indexOf("<", at);
    if (tag < 0) {
      text += html.slice(at);
      break;
    }
    text += `${html.slice(at, tag)} `;
    at = afterTag(html, lower, tag);
  }
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, entity);
}

/** Past the tag, comment or hidden element that begins there; the end where it is not closed. */
function afterTag(html: string, lower: string, tag: number): number {
  if (html.startsWith("<!--", tag)) return past(html, "-->", tag + 4);
  const name = /^<([a-z]+)/.exec(lower.slice(tag, tag + 12))?.[1];
  const end = past(html, ">", tag);
  if (name === undefined || !HIDDEN.has(name)) return end;
  return past(html, ">", past(lower, `</${name}`, end));
}

function past(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

function entity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
  return code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? " " : String.fromCodePoint(code);
}

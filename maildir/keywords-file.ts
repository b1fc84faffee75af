/** Where Dovecot keeps which letter after `:2,` means which keyword: lines of a number and a name, 0 for `a`. */
export const KEYWORDS_FILE = "dovecot-keywords";

export const MAX_KEYWORD_LETTERS = 26;

/** Names by their letters. */
export function parseKeywordsFile(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, number = "", name = ""] = /^(\d{1,2}) (\S+)\s*$/.exec(line) ?? [];
    if (name !== "" && Number(number) < MAX_KEYWORD_LETTERS)
      names.set(String.fromCharCode(0x61 + Number(number)), name);
  }
  return names;
}

import { MAX_WORDS } from "../limits.ts";

/** What the provider, the network or a library said, short and without control characters. */
export function wordsOf(error: unknown): string {
  const { responseText, response, message } = error as Record<string, unknown>;
  const text = [responseText, response, message].find((each) => typeof each === "string" && each !== "");
  return shown(typeof text === "string" ? text : String(error));
}

export function shown(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " ")
    .slice(0, MAX_WORDS)
    .trim();
}

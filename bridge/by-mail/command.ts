import { editDistance } from "../submission/edit-distance.ts";

/** What can be said to the bridge by mail. Names are as they were typed. */
export type MailCommand =
  | { readonly kind: "help" | "status" | "contacts" | "pending" | "queue" }
  | { readonly kind: "invite"; readonly name?: string; readonly asks: boolean }
  | { readonly kind: "accept-invite"; readonly link: string; readonly name?: string }
  /** An introduction, or who asks to be let in by an invite. */
  | { readonly kind: "accept"; readonly which: string; readonly name?: string }
  | { readonly kind: "refuse"; readonly which: string }
  | { readonly kind: "make-code"; readonly name: string }
  | { readonly kind: "take-code"; readonly code: string; readonly name: string; readonly at?: string }
  | { readonly kind: "introduce"; readonly one: string; readonly other: string }
  | { readonly kind: "verify"; readonly name: string; readonly phrase?: string }
  | { readonly kind: "freeze" | "unfreeze" | "remove" | "block"; readonly name: string }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "cancel"; readonly which: string }
  /** The answer to a question, by the token in it. */
  | { readonly kind: "confirm"; readonly token: string }
  | { readonly kind: "unknown"; readonly said: string; readonly nearest?: string; readonly picture?: true };

/** How each command is written, with what it does. */
export const COMMAND_HELP: readonly (readonly [usage: string, does: string])[] = [
  ["invite NAME", "make an invite for one person, whom you will call NAME"],
  ["invite NAME ask", "the same, but they become a contact only after your `accept NAME`"],
  ["accept NAME", "with an invite in the letter: accept it; else whom you are introduced to, or who asks to be let in"],
  ["accept ADDRESS as NAME", "accept the invitation that came in letters from an old address"],
  ["refuse NAME", "refuse an introduction, or with an ADDRESS an invitation from there; nobody is told"],
  ["pair NAME", "make a code to be said to somebody"],
  ["pair CODE NAME", "use a code that NAME has said to you; add `at postern-relay://...` for another relay than yours"],
  ["introduce ONE OTHER", "offer two of your contacts to each other"],
  ["contacts", "list the contacts"],
  ["pending", "list what is under way: invites, codes, introductions"],
  ["cancel NAME", "withdraw what is under way, by its name, id or code"],
  ["verify NAME", "show the four words that you and NAME should both see"],
  ["verify NAME FOUR WORDS", "say that NAME sees the same words"],
  ["freeze NAME", "hold everything back, until `unfreeze NAME`"],
  ["block NAME", "end it for good; asks first"],
  ["remove NAME", "end it and forget them; asks first"],
  ["rename OLD NEW", "call a contact otherwise"],
  ["queue", "list the letters that wait, and why"],
  ["status", "say how the bridge is"],
  ["help", "say all this"],
];

const WORDS = [...new Set(COMMAND_HELP.map(([usage]) => usage.split(" ")[0] ?? ""))];

/** The command that a line spells; undefined where it is none. Case and an end of `.` or `!` do not matter. */
export function parseCommand(line: string): MailCommand | undefined {
  const [word = "", ...rest] = line.trim().replace(/[.!]$/, "").split(/\s+/);
  const [first, second, third] = rest;
  const kind = word.toLowerCase();
  const count = rest.length;
  switch (kind) {
    case "help":
    case "status":
    case "contacts":
    case "pending":
    case "queue":
      return count === 0 ? { kind } : undefined;
    case "invite":
      if (count === 0) return { kind, asks: false };
      if (count === 1 && first !== undefined) return { kind, name: first, asks: false };
      return count === 2 && first !== undefined && second?.toLowerCase() === "ask"
        ? { kind, name: first, asks: true }
        : undefined;
    case "accept":
      if (first === undefined || /^postern:/i.test(first)) return undefined;
      if (count === 1) return { kind, which: first };
      return count === 3 && second?.toLowerCase() === "as" && third !== undefined
        ? { kind, which: first, name: third }
        : undefined;
    case "refuse":
    case "cancel":
      return count === 1 && first !== undefined ? { kind, which: first } : undefined;
    case "pair":
      return pair(rest);
    case "introduce": {
      const names = rest.filter((_, index) => !(index === 1 && /^(to|and|with)$/i.test(second ?? "") && count === 3));
      const [one, other] = names;
      return names.length === 2 && one !== undefined && other !== undefined ? { kind, one, other } : undefined;
    }
    case "verify":
      if (first === undefined) return undefined;
      if (count === 1) return { kind, name: first };
      return count === 5 ? { kind, name: first, phrase: rest.slice(1).join(" ") } : undefined;
    case "freeze":
    case "unfreeze":
    case "remove":
    case "block":
      return count === 1 && first !== undefined ? { kind, name: first } : undefined;
    case "rename": {
      const [name, to] = count === 3 && second?.toLowerCase() === "to" ? [first, third] : [first, second];
      return (count === 2 || count === 3) && name !== undefined && to !== undefined && (count === 2 || to === third)
        ? { kind, name, to }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** `pair NAME`, or `pair CODE NAME` with `at RELAY` behind it. A code has a number and words with hyphens between. */
function pair(rest: readonly string[]): MailCommand | undefined {
  const [first, second, third, at] = rest;
  if (first === undefined) return undefined;
  if (!/^\d+-/.test(first)) return rest.length === 1 ? { kind: "make-code", name: first } : undefined;
  if (second === undefined) return undefined;
  const taken = { kind: "take-code", code: first, name: second } as const;
  if (rest.length === 2) return taken;
  return rest.length === 4 && third?.toLowerCase() === "at" && at !== undefined ? { ...taken, at } : undefined;
}

/** The command's usage that is nearest to what was said; undefined where nothing is near. */
export function nearestCommand(said: string): string | undefined {
  const word = (/^[A-Za-z]+/.exec(said.trim())?.[0] ?? "").toLowerCase().slice(0, 20);
  if (word === "") return undefined;
  const [best] = WORDS.map((known) => ({ known, edits: editDistance(word, known) })).sort((a, b) => a.edits - b.edits);
  if (best === undefined || best.edits > Math.max(1, Math.floor(best.known.length / 3))) return undefined;
  return COMMAND_HELP.find(([usage]) => usage.split(" ")[0] === best.known)?.[0];
}

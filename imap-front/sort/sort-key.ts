import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import type { SortFields } from "./sort-fields.ts";

/** What a message says of its place in a thread. */
export interface MessageLinks {
  readonly id: string | undefined;
  /** Oldest first. */
  readonly references: readonly string[];
}

/** A message with what it may be sorted by. */
export interface Sortable {
  readonly uid: number;
  readonly internalDate: number;
  readonly size: number;
  /** Read when a criterion first asks for them. */
  fields: SortFields | undefined;
  links: MessageLinks | undefined;
}

/** One criterion of SORT (RFC 5256 section 3, RFC 5957). */
export interface SortKey {
  readonly name: string;
  readonly reverse: boolean;
}

type Value = (message: Sortable) => number | string;

/** What each criterion compares, and whether the envelope is needed for it. */
const CRITERIA: ReadonlyMap<string, { readonly value: Value; readonly needsFields: boolean }> = new Map([
  ["ARRIVAL", { value: ({ internalDate }: Sortable) => internalDate, needsFields: false }],
  ["SIZE", { value: ({ size }: Sortable) => size, needsFields: false }],
  ["DATE", { value: sentDate, needsFields: true }],
  ["SUBJECT", { value: ({ fields }: Sortable) => fields?.subject ?? "", needsFields: true }],
  ["FROM", { value: ({ fields }: Sortable) => fields?.from ?? "", needsFields: true }],
  ["TO", { value: ({ fields }: Sortable) => fields?.to ?? "", needsFields: true }],
  ["CC", { value: ({ fields }: Sortable) => fields?.cc ?? "", needsFields: true }],
  ["DISPLAYFROM", { value: ({ fields }: Sortable) => fields?.displayFrom ?? "", needsFields: true }],
  ["DISPLAYTO", { value: ({ fields }: Sortable) => fields?.displayTo ?? "", needsFields: true }],
]);

/** RFC 5256 section 2.2. */
export function sentDate({ fields, internalDate }: Sortable): number {
  return fields?.sent ?? internalDate;
}

/** `"(" sort-criterion *(SP sort-criterion) ")"`; a criterion that came before is passed over. */
export function parseSortKeys(args: Scanner): SortKey[] {
  const keys = args.list((): SortKey => {
    let name = args.keyword();
    const reverse = name === "REVERSE";
    if (reverse) {
      args.space();
      name = args.keyword();
    }
    if (!CRITERIA.has(name)) throw new SyntaxFailure("unknown sort criterion");
    return { name, reverse };
  });
  if (keys.length === 0) throw new SyntaxFailure("expected a sort criterion");
  return keys.filter(({ name }, index) => keys.findIndex((other) => other.name === name) === index);
}

/** What a criterion compares of each message. */
export function sortValues(
  messages: readonly Sortable[],
  criterion: string,
): { readonly kind: "numbers"; readonly numbers: number[] } | { readonly kind: "texts"; readonly texts: string[] } {
  const value = CRITERIA.get(criterion)?.value as Value;
  const values = messages.map(value);
  return typeof values[0] === "string"
    ? { kind: "texts", texts: values as string[] }
    : { kind: "numbers", numbers: values as number[] };
}

export function needsFields(keys: readonly SortKey[]): boolean {
  return keys.some(({ name }) => CRITERIA.get(name)?.needsFields);
}

/** Compares by the criteria in turn, and by UID at last. */
export function sortOrder(keys: readonly SortKey[]): (a: Sortable, b: Sortable) => number {
  const steps = keys.map(({ name, reverse }) => ({
    value: CRITERIA.get(name)?.value as Value,
    sign: reverse ? -1 : 1,
  }));
  return (a, b) => {
    for (const { value, sign } of steps) {
      const [x, y] = [value(a), value(b)];
      if (x !== y) return x < y ? -sign : sign;
    }
    return a.uid - b.uid;
  };
}

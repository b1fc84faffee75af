import type { SortAddresses, SortFields } from "../../mime/sort-fields.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";

/** What a message says of its place in a thread, with a number for each id. */
export interface NumberedLinks {
  readonly id: number | undefined;
  /** Oldest first. */
  readonly references: readonly number[];
}

/** A message with what it may be sorted by. */
export interface Sortable {
  readonly uid: number;
  readonly internalDate: number;
  readonly size: number;
  /** Read when a criterion first asks for them. */
  fields: SortFields | undefined;
  addresses: SortAddresses | undefined;
  links: NumberedLinks | undefined;
}

/** What is to be known of messages, beside what is at hand. */
export type Wanted = Partial<Readonly<Record<"fields" | "addresses" | "links", boolean>>>;

/** One criterion of SORT (RFC 5256 section 3, RFC 5957). */
export interface SortKey {
  readonly name: string;
  readonly reverse: boolean;
}

type Value = (message: Sortable) => number | string;

/** What each criterion compares, and what has to be read for it. */
const CRITERIA: ReadonlyMap<string, { readonly value: Value; readonly needs?: "fields" | "addresses" }> = new Map<
  string,
  { value: Value; needs?: "fields" | "addresses" }
>([
  ["ARRIVAL", { value: ({ internalDate }) => internalDate }],
  ["SIZE", { value: ({ size }) => size }],
  ["DATE", { value: sentDate, needs: "fields" }],
  ["SUBJECT", { value: ({ fields }) => fields?.subject ?? "", needs: "fields" }],
  ["FROM", { value: ({ addresses }) => addresses?.from ?? "", needs: "addresses" }],
  ["TO", { value: ({ addresses }) => addresses?.to ?? "", needs: "addresses" }],
  ["CC", { value: ({ addresses }) => addresses?.cc ?? "", needs: "addresses" }],
  ["DISPLAYFROM", { value: ({ addresses }) => addresses?.displayFrom ?? "", needs: "addresses" }],
  ["DISPLAYTO", { value: ({ addresses }) => addresses?.displayTo ?? "", needs: "addresses" }],
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

/** What the criteria have to know of each message. */
export function wantedFor(keys: readonly SortKey[]): Wanted {
  const needs = new Set(keys.map(({ name }) => CRITERIA.get(name)?.needs));
  return { fields: needs.has("fields"), addresses: needs.has("addresses") };
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

import type { Row } from "./row.ts";
import { appendRows } from "./rows/append.ts";
import { bodyRows } from "./rows/bodies.ts";
import { changeRows } from "./rows/changes.ts";
import { listRows } from "./rows/list.ts";
import { resourceRows } from "./rows/resources.ts";
import { searchRows } from "./rows/search.ts";
import { togetherRows } from "./rows/together.ts";

/** In the order in which they are measured: the mailbox is filled before it is read, and read before it is changed. */
const ROWS: readonly Row[] = [
  ...appendRows,
  ...listRows,
  ...bodyRows,
  ...searchRows,
  ...changeRows,
  ...togetherRows,
  ...resourceRows,
];

/** Rows whose id fits one of the patterns, separated by commas, in which `*` stands for anything. @throws if none does */
export function chooseRows(patterns: string): readonly Row[] {
  const expressions = patterns
    .split(",")
    .map((pattern) => new RegExp(`^${pattern.replace(/[^\w*-]/g, "\\$&").replaceAll("*", ".*")}$`));
  const chosen = ROWS.filter(({ id }) => expressions.some((expression) => expression.test(id)));
  if (chosen.length === 0)
    throw new Error(`no row is called ${patterns}; there are ${ROWS.map(({ id }) => id).join(", ")}`);
  return chosen;
}

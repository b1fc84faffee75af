import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const document = readFileSync("docs/scenarios.md", "utf8");

test("docs/scenarios.md has each of the 27 scenarios once, and names only tests that are there", () => {
  const numbers = [...document.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(Array.from({ length: 27 }, (_, index) => index + 1));
  const paths = [...document.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path]) => path ?? "");
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

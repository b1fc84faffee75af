import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { createStderrLogger } from "../../bridge/cli/log.ts";
import { createOutput, EXIT_STATUS, reportFailure } from "../../bridge/cli/output.ts";
import { Failure } from "../../foundation/failure.ts";

let out = "";
let err = "";
beforeEach(() => {
  out = "";
  err = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => Boolean((out += String(text))));
  jest.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((err += String(text))));
});
afterEach(() => {
  jest.restoreAllMocks();
});

test("every kind of failure has an exit status of its own, but for the two that mean wrong use", () => {
  const { usage, invalid, ...others } = EXIT_STATUS;
  expect([usage, invalid]).toEqual([2, 2]);
  const statuses = [usage, ...Object.values(others)];
  expect(new Set(statuses).size).toBe(statuses.length);
  for (const status of statuses) expect(status).toBeGreaterThan(0);
});

test("a failure is one line on standard error, without a stack", () => {
  expect(reportFailure(new Failure("locked", "open it first"), false)).toBe(4);
  expect(err).toBe("postern: open it first\n");
  expect(out).toBe("");
});

test("with --json the same stands on standard output as a value", () => {
  expect(reportFailure(new Failure("busy", "stop it first"), true)).toBe(3);
  expect(JSON.parse(out)).toEqual({ error: { code: "busy", message: "stop it first" } });
});

test("a bug shows its stack and has status 1", () => {
  expect(reportFailure(new TypeError("oh"), false)).toBe(1);
  expect(err).toMatch(/^postern: oh\nTypeError: oh\n +at /);
  expect(reportFailure("thrown text", true)).toBe(1);
  expect(JSON.parse(out)).toEqual({ error: { code: "bug", message: "thrown text" } });
});

test.each([
  ["ENOSPC", 8],
  ["SQLITE_FULL", 8],
  ["SQLITE_IOERR_SHMSIZE", 8],
  ["EROFS", 10],
  ["SQLITE_READONLY", 10],
])("what the disk says (%s) is a failure with a name, not a bug", (code, status) => {
  expect(reportFailure(Object.assign(new Error("raw"), { code }), false)).toBe(status);
  expect(err).toMatch(/^postern: the (disk|home) [^\n]*\n$/);
});

test("a result is text for a person, or one line of JSON", () => {
  createOutput(false).result({ a: 1 }, "one\ntwo");
  expect(out).toBe("one\ntwo\n");
  out = "";
  createOutput(true).result({ a: "x\ny" }, "one\ntwo");
  expect(out).toBe('{"a":"x\\ny"}\n');
});

test("notes go to standard error, and not to programs", () => {
  createOutput(false).note("by the way");
  createOutput(true).note("unheard");
  expect([out, err]).toEqual(["", "by the way\n"]);
});

test("progress is shown on a terminal alone", () => {
  createOutput(false).progress("1 of 2");
  expect(err).toBe("");
});

test("the log has one line for each event that its level lets through", () => {
  const log = createStderrLogger("info", false);
  log("warn", "relay away", { tries: 3 });
  log("debug", "noise");
  expect(err).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z warn relay away tries=3\n$/);
  err = "";
  createStderrLogger("error", true)("error", "broken", { cause: "a\nb" });
  createStderrLogger("error", true)("warn", "noise");
  expect(JSON.parse(err)).toMatchObject({ level: "error", event: "broken", cause: "a\nb" });
  expect(err.split("\n")).toHaveLength(2);
});

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { EXIT_STATUS } from "../../bridge/cli/output.ts";
import { type CommandResult, postern } from "../../rig/postern-process.ts";

const COMMANDS = [
  "start",
  "init",
  "run",
  "invite",
  "accept",
  "pair",
  "introduce",
  "contacts",
  "verify",
  "app-password",
  "status",
  "queue",
  "import",
  "export",
  "doctor",
  "paper-key",
  "revoke",
  "recover",
  "gateway",
  "relay",
  "carry",
];

/** Of a command that has commands of its own, those: they take the operands and options. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  gateway: ["add", "change", "password", "list", "test", "plain", "pause", "resume", "remove", "policy", "upgrade"],
  "gateway key": ["make", "import", "export", "list", "accept", "prefer", "setup-message"],
};
const LEAVES = [
  ...COMMANDS.filter((command) => GROUPS[command] === undefined),
  ...Object.entries(GROUPS).flatMap(([group, commands]) => commands.map((command) => `${group} ${command}`)),
];

let scratch: string;
let help: CommandResult;
const helpOf = new Map<string, CommandResult>();

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-cli-"));
  help = await postern(scratch, "--help");
  await Promise.all(
    LEAVES.map(async (command) => helpOf.set(command, await postern(scratch, ...command.split(" "), "--help"))),
  );
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true }));

test("the help names every command, and every exit status", () => {
  expect(help.status).toBe(0);
  const named = [...help.stdout.matchAll(/^ {2}([a-z-]+)(?= )/gm)].map((match) => match[1]);
  expect(named.filter((name) => name !== "help")).toEqual(COMMANDS);
  for (const [name, status] of Object.entries(EXIT_STATUS))
    if (name !== "usage") expect(help.stdout).toContain(`${status} ${name}`);
});

describe.each(LEAVES)("postern %s", (command) => {
  test("explains itself with an example, --home and --json", () => {
    const { status, stdout } = helpOf.get(command) ?? help;
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Examples:\\n  \\$ postern ${command}`, "m"));
    expect(stdout).toMatch(/^ {2}--home <dir>/m);
    expect(stdout).toMatch(/^ {2}--json/m);
  });

  test("has only examples whose options it takes", () => {
    const { stdout } = helpOf.get(command) ?? help;
    const known = new Set([...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]));
    const used = [...stdout.matchAll(/^ {2}\$ .*$/gm)].flatMap(([line]) => line.match(/--[a-z-]+/g) ?? []);
    expect(used.filter((option) => !known.has(option))).toEqual([]);
  });
});

const invocations: readonly [what: string, args: string[], names: string][] = [
  ["an unknown option", ["status", "--frobnicate"], "--frobnicate"],
  ["an unknown command", ["frobnicate"], "frobnicate"],
  ["an operand too many", ["contacts", "bob"], "contacts"],
  ["a missing operand", ["accept", "--name", "bob"], "invite"],
  ["a missing option", ["accept", "postern:x"], "--name"],
  ["an option without its value", ["invite", "--name"], "--name"],
  ["a wrong value", ["init", "--imap", "nowhere"], "--imap"],
  ["a relay that cannot listen there", ["relay", "--listen", "nowhere"], "HOST:PORT"],
];
test.each(invocations)("%s is wrong use: status 2, and it is named", async (_what, args, names) => {
  const { status, stdout, stderr } = await postern(scratch, ...args);
  expect(status).toBe(2);
  expect(stderr).toContain(names);
  expect(stderr).not.toMatch(/\n +at /);
  expect(stdout).toBe("");
});

test("wrong use leaves nothing behind", () => {
  expect(readdirSync(scratch)).toEqual([]);
});

const homeless: string[][] = [
  ["run"],
  ["status"],
  ["contacts"],
  ["invite"],
  ["accept", "postern:x", "--name", "bob"],
  ["app-password", "--list"],
  ["paper-key"],
  ["import", "/dev/null", "--folder", "x"],
];
test.each(homeless)("postern %s without a home says how to make one, and makes none itself", async (...args) => {
  const { status, stdout, stderr } = await postern(scratch, ...args, "--json");
  expect(status).toBe(EXIT_STATUS.nonexistent);
  expect(stderr).toMatch(/^postern: [^\n]*postern init[^\n]*\n$/);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "nonexistent" } });
  expect(readdirSync(scratch)).toEqual([]);
});

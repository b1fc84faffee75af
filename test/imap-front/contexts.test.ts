import { afterEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TestHome } from "../maildir/home.ts";
import { Client, serve, stopServers } from "./dialogue.ts";

const homes: TestHome[] = [];

afterEach(async () => {
  await stopServers();
  for (const home of homes.splice(0)) home.remove();
});

/** What each followed search was asked for; `fresh` is the same without UPDATE. */
const SEARCHES = [
  { tag: "f1", command: "UID SEARCH", rest: "UNDELETED NOT KEYWORD Work" },
  { tag: "f2", command: "SEARCH", rest: "OR SEEN UID 4:*" },
  { tag: "f3", command: "UID SORT", rest: "(SUBJECT REVERSE ARRIVAL) UTF-8 NOT SEEN" },
  { tag: "f4", command: "SORT", rest: "(REVERSE SIZE) UTF-8 OR FLAGGED SUBJECT b" },
  { tag: "f5", command: "UID SEARCH", rest: "UID *" },
] as const;

interface Step {
  /** The session that follows, or the other one. */
  readonly own: boolean;
  readonly command: string;
}

const FLAGS = ["\\Deleted", "\\Seen", "\\Flagged", "Work"];

const step: fc.Arbitrary<Step> = fc.record({
  own: fc.boolean(),
  command: fc.oneof(
    fc
      .tuple(
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 14 }),
        fc.constantFrom("+", "-"),
        fc.constantFrom(...FLAGS),
      )
      .map(([from, to, sign, flag]) => `UID STORE ${from}:${to} ${sign}FLAGS.SILENT (${flag})`),
    fc.constantFrom("EXPUNGE", "NOOP", "FETCH 1 UID", "UID MOVE 2,5 Other"),
    fc
      .tuple(
        fc.constantFrom("a", "b", "c"),
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom("", "(\\Seen) ", "(\\Flagged \\Deleted) "),
      )
      .map(([subject, length, flags]) => append(subject, length, flags)),
  ),
});

function append(subject: string, length: number, flags: string): string {
  const message = `Subject: ${subject}\r\n\r\n${"x".repeat(length)}`;
  return `APPEND INBOX ${flags}{${message.length}+}\r\n${message}`;
}

function expand(set: string): number[] {
  return set.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split(":").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Applies what the server told to the results, as RFC 5267 sections 4.3.3 and 4.3.4 say. */
function apply(results: Map<string, number[]>, answer: string): void {
  for (const line of answer.split("\r\n")) {
    const expunged = /^\* (\d+) EXPUNGE$/.exec(line);
    if (expunged !== null) {
      const gone = Number(expunged[1]);
      for (const { tag, command } of SEARCHES) {
        const result = results.get(tag);
        if (command.startsWith("UID") || result === undefined) continue;
        expect(result).not.toContain(gone);
        results.set(
          tag,
          result.map((number) => (number > gone ? number - 1 : number)),
        );
      }
    }
    const update = /^\* ESEARCH \(TAG "(\w+)"\)(?: UID)? (ADDTO|REMOVEFROM) \((.*)\)$/.exec(line);
    if (update === null) continue;
    const result = results.get(update[1] as string) ?? [];
    for (const [, position, set] of (update[3] as string).matchAll(/(\d+) ([\d:,]+)/g)) {
      const members = expand(set as string);
      const index = Number(position) - 1;
      if (update[2] === "REMOVEFROM") {
        if (index >= 0) expect(result.splice(index, members.length)).toEqual(members);
        else
          for (const member of members) {
            expect(result).toContain(member);
            result.splice(result.indexOf(member), 1);
          }
      } else {
        for (const member of members) expect(result).not.toContain(member);
        if (index >= 0) {
          expect(index).toBeLessThanOrEqual(result.length);
          result.splice(index, 0, ...members);
        } else {
          result.push(...members);
          result.sort((a, b) => a - b);
        }
      }
    }
  }
}

function resultOf(answer: string): number[] {
  const all = / ALL ([\d:,]+)/.exec(answer)?.[1];
  return all === undefined ? [] : expand(all);
}

test("whatever changes, a client that applies ADDTO and REMOVEFROM has what a fresh SEARCH or SORT finds (RFC 5267 section 4.3)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const home = new TestHome();
      homes.push(home);
      const maildir = await home.open();
      try {
        const server = await serve(maildir);
        const [own, other] = [
          await (await Client.connect(server)).login(),
          await (await Client.connect(server)).login(),
        ];
        await other.command("p0", "CREATE Other");
        for (const [index, subject] of ["c", "a", "b", "a", "c", "b"].entries())
          await other.command(`p${index + 1}`, append(subject, index, ""));
        await own.command("s", "SELECT INBOX");
        await other.command("s", "SELECT INBOX");
        const results = new Map<string, number[]>();
        for (const { tag, command, rest } of SEARCHES)
          results.set(tag, resultOf(await own.command(tag, `${command} RETURN (UPDATE ALL) ${rest}`)));
        for (const [index, { own: mine, command }] of steps.entries()) {
          const answer = await (mine ? own : other).command(`c${index}`, command);
          if (mine) apply(results, answer);
          if (index % 3 !== 0) continue;
          apply(results, await own.command(`n${index}`, "NOOP"));
          for (const { tag, command: search, rest } of SEARCHES)
            expect({ tag, result: results.get(tag) }).toEqual({
              tag,
              result: resultOf(await own.command(`q${index}${tag}`, `${search} RETURN (ALL) ${rest}`)),
            });
        }
        own.close();
        other.close();
      } finally {
        await stopServers();
        await maildir.close();
      }
    }),
    { numRuns: 20 },
  );
}, 120_000);

test("one session follows eight searches; the next is told NOUPDATE, and its result all the same", async () => {
  const client = await (await Client.connect(await serve())).login();
  await client.command("s", "SELECT INBOX");
  for (let number = 1; number <= 8; number++) {
    const answer = await client.command(`f${number}`, "SEARCH RETURN (UPDATE COUNT) ALL");
    expect(answer).not.toContain("NOUPDATE");
  }
  const refused = await client.command("f9", "SEARCH RETURN (UPDATE COUNT) ALL");
  expect(refused).toContain('* NO [NOUPDATE "f9"] ');
  expect(refused).toContain('* ESEARCH (TAG "f9") COUNT 0\r\n');
  await client.command("c", 'CANCELUPDATE "f3"');
  expect(await client.command("f10", "SEARCH RETURN (UPDATE COUNT) ALL")).not.toContain("NOUPDATE");
  client.close();
});

test("a followed search ends with the selection: its tag is free again", async () => {
  const client = await (await Client.connect(await serve())).login();
  await client.command("s", "SELECT INBOX");
  await client.command("f", "SEARCH RETURN (UPDATE COUNT) ALL");
  expect(await client.command("f", "SEARCH RETURN (UPDATE COUNT) ALL")).toContain("f BAD ");
  await client.command("u", "UNSELECT");
  await client.command("s2", "SELECT INBOX");
  expect(await client.command("f", "SEARCH RETURN (UPDATE COUNT) ALL")).toContain("f OK ");
  client.close();
});

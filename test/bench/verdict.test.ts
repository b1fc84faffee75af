import { expect, test } from "@jest/globals";
import type { Outcome } from "../../bench/imap/measure-row.ts";
import { type Figure, type Row, rate, TOLD, time } from "../../bench/imap/row.ts";
import { judge } from "../../bench/imap/verdict.ts";

function rowOf(figure: Figure): Row {
  return { id: "some-row", figures: [figure], samples: 1, measure: () => Promise.resolve([]) };
}

function outcomes(ours: number, plain: number, crypt: number): Outcome[] {
  const values = { postern: ours, dovecot: plain, mail_crypt: crypt };
  return (["postern", "dovecot", "mail_crypt"] as const).map((server) => ({
    server,
    medians: [values[server]],
    samples: [[values[server]]],
  }));
}

test.each([
  ["half the time is twice as good", time("t"), [5, 10, 50], [2, 10], 0],
  ["twice the time is half as good, and misses", time("t"), [20, 10, 50], [0.5, 2.5], 1],
  ["half the letters a second are half as good, beside both", rate("r", "letters/s"), [50, 100, 60], [0.5, 50 / 60], 2],
  ["a figure that is told misses nothing", time("t", TOLD), [20, 10, 5], [0.5, 0.25], 0],
  ["a bound holds whatever Dovecot shows", time("t", { atMost: 50 }), [51, 100, 100], [100 / 51, 100 / 51], 1],
  ["what took no time is not divided by", time("t"), [0, 10, 10], [1000, 1000], 0],
] as const)("%s", (_, figure, [ours, plain, crypt], [timesPlain, timesCrypt], misses) => {
  const [verdict] = judge(rowOf(figure), outcomes(ours, plain, crypt));
  expect(verdict?.timesPlain).toBeCloseTo(timesPlain);
  expect(verdict?.timesCrypt).toBeCloseTo(timesCrypt);
  expect(verdict?.misses).toHaveLength(misses);
});

test("a wrong answer of ours is a miss, and one of Dovecot's leaves nothing to compare with", () => {
  const [ours, plain, crypt] = outcomes(1, 1, 1) as [Outcome, Outcome, Outcome];
  const wrong = (outcome: Outcome): Outcome => ({ ...outcome, medians: [], wrong: "found: 1, not 2" });
  const [first] = judge(rowOf(time("t")), [wrong(ours), plain, crypt]);
  expect([first?.medians, first?.misses]).toEqual([{ dovecot: 1, mail_crypt: 1 }, ["a wrong answer: found: 1, not 2"]]);
  const [second] = judge(rowOf(time("t")), [ours, wrong(plain), crypt]);
  expect([second?.timesPlain, second?.timesCrypt, second?.misses]).toEqual([undefined, 1, []]);
});

import type { Bed } from "../bed.ts";
import { formatDay } from "../connection.ts";
import { COMMON_WORD, type Corpus, RARE_SENDER, RARE_WORD } from "../corpus/corpus.ts";
import { type Aim, type Row, time, verify } from "../row.ts";

/** The aim for searches in bodies: an index, where Dovecot reads every letter. */
const INDEXED: Aim = { plain: 20, crypt: 1 };
const SINCE = Date.UTC(2025, 5, 1);

/** The numbers that a server answered with, as they came, separated by blanks. */
async function numbers(bed: Bed, command: string): Promise<{ found: string[]; milliseconds: number }> {
  const { lines, milliseconds } = await (await bed.standing()).command(command);
  const answer = lines.find((line) => /^(SEARCH|SORT|THREAD)/.test(line)) ?? "";
  return { found: answer.match(/\d+/g) ?? [], milliseconds };
}

function searchRow(
  id: string,
  name: string,
  key: (corpus: Corpus) => string,
  expected: (corpus: Corpus) => number,
  samples: { samples: number; warmUp?: number; aim?: Aim } = { samples: 6, warmUp: 1 },
): Row {
  const { aim, ...rest } = samples;
  return {
    id,
    figures: [time(name, aim)],
    ...rest,
    measure: async (bed) => {
      const { found, milliseconds } = await numbers(bed, `SEARCH ${key(bed.corpus)}`);
      verify("found", found.length, expected(bed.corpus));
      return [milliseconds];
    },
  };
}

const BODY = { samples: 3, aim: INDEXED };
const middle = (corpus: Corpus): string => corpus.places[Math.floor(corpus.count / 2)]?.messageId ?? "";
const everywhere = (corpus: Corpus): number => new Set([...corpus.rareInBody, ...corpus.rareInSubject]).size;

/** RFC 5256 section 3: descending by date, equal ones by sequence number. */
function byReverseDate(corpus: Corpus): string {
  const order = corpus.places.map((place, index) => ({ sent: place.sent, number: index + 1 }));
  return order
    .toSorted((a, b) => b.sent - a.sent || a.number - b.number)
    .map(({ number }) => number)
    .join(" ");
}

export const searchRows: Row[] = [
  searchRow(
    "search-body-rare",
    "SEARCH BODY, a rare word",
    () => `BODY ${RARE_WORD}`,
    (corpus) => corpus.rareInBody.length,
    BODY,
  ),
  searchRow(
    "search-body-common",
    "SEARCH BODY, a word in a third of all",
    () => `BODY ${COMMON_WORD}`,
    (corpus) => corpus.common,
    BODY,
  ),
  searchRow("search-text", "SEARCH TEXT, a rare word", () => `TEXT ${RARE_WORD}`, everywhere, BODY),
  searchRow(
    "search-subject",
    "SEARCH SUBJECT",
    () => `SUBJECT ${RARE_WORD}`,
    (corpus) => corpus.rareInSubject.length,
  ),
  searchRow(
    "search-from",
    "SEARCH FROM",
    () => `FROM ${RARE_SENDER.address}`,
    (corpus) => corpus.rareSender.length,
  ),
  searchRow(
    "search-message-id",
    "SEARCH HEADER Message-ID",
    (corpus) => `HEADER Message-ID "${middle(corpus)}"`,
    () => 1,
  ),
  searchRow(
    "search-flagged",
    "SEARCH FLAGGED",
    () => "FLAGGED",
    (corpus) => corpus.places.filter(({ flags }) => flags.includes("\\Flagged")).length,
  ),
  searchRow(
    "search-since",
    "SEARCH SINCE",
    () => `SINCE ${formatDay(SINCE)}`,
    (corpus) => corpus.places.filter(({ received }) => received >= SINCE).length,
  ),
  {
    id: "sort-date",
    figures: [time("SORT (REVERSE DATE)")],
    samples: 6,
    warmUp: 1,
    measure: async (bed) => {
      const { found, milliseconds } = await numbers(bed, "SORT (REVERSE DATE) UTF-8 ALL");
      if (found.join(" ") !== byReverseDate(bed.corpus)) throw new Error("the order is not that of the dates");
      return [milliseconds];
    },
  },
  {
    id: "sort-subject",
    figures: [time("SORT (SUBJECT)")],
    samples: 6,
    warmUp: 1,
    measure: async (bed) => {
      const { found, milliseconds } = await numbers(bed, "SORT (SUBJECT) UTF-8 ALL");
      verify("letters", new Set(found).size, bed.corpus.count);
      return [milliseconds];
    },
  },
  ...(["first", "warm"] as const).map(
    (kind): Row => ({
      id: `thread-${kind}`,
      figures: [time(`THREAD=REFERENCES, ${kind === "first" ? "after a restart" : "warm"}`)],
      ...(kind === "first" ? { samples: 3 } : { samples: 6, warmUp: 1 }),
      measure: async (bed) => {
        if (kind === "first") await bed.restart();
        const { found, milliseconds } = await numbers(bed, "THREAD REFERENCES UTF-8 ALL");
        verify("letters", new Set(found).size, bed.corpus.count);
        return [milliseconds];
      },
    }),
  ),
];

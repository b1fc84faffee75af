import { type Bed, FULL } from "../bed.ts";
import { type Row, time, verify } from "../row.ts";

const MUTT =
  "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER SUBJECT TO CC " +
  "MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST X-LABEL)])";
const THUNDERBIRD =
  "UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority " +
  "X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])";
/** Octets of a header list that each letter of the corpus has at least. */
const LEAST_HEADERS = 100;

async function select(bed: Bed): Promise<readonly number[]> {
  return await bed.using(async (connection) => {
    const { milliseconds } = await connection.command(`SELECT ${FULL}`);
    verify("EXISTS", connection.exists, bed.corpus.count);
    return [milliseconds];
  });
}

/** A FETCH of all letters on the standing connection. */
function fetchRow(id: string, name: string, command: string, samples: { samples: number; warmUp?: number }): Row {
  return {
    id,
    figures: [time(name)],
    ...samples,
    measure: async (bed) => {
      const connection = await bed.standing();
      const answer = await connection.command(command);
      verify("FETCH responses", answer.fetches, bed.corpus.count);
      if (command.includes("HEADER.FIELDS") && answer.literalOctets < bed.corpus.count * LEAST_HEADERS)
        throw new Error(`only ${answer.literalOctets} octets of headers`);
      return [answer.milliseconds];
    },
  };
}

const WARM = { samples: 6, warmUp: 1 };

export const listRows: Row[] = [
  {
    id: "select-cold",
    figures: [time("SELECT after a restart")],
    samples: 3,
    measure: async (bed) => {
      await bed.restart();
      return await select(bed);
    },
  },
  { id: "select-warm", figures: [time("SELECT on a new connection")], samples: 10, warmUp: 1, measure: select },
  fetchRow("headers-first", "header list (mutt), the first of the folder", MUTT, { samples: 1 }),
  fetchRow("headers-mutt", "header list (mutt), warm", MUTT, WARM),
  fetchRow("headers-thunderbird", "header list (Thunderbird), warm", THUNDERBIRD, WARM),
  fetchRow("flags", "FLAGS of all", "FETCH 1:* (UID FLAGS)", WARM),
  fetchRow("envelope", "ENVELOPE of all", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", WARM),
  fetchRow("bodystructure", "BODYSTRUCTURE of all", "FETCH 1:* (UID BODYSTRUCTURE)", WARM),
];

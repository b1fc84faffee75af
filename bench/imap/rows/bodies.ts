import { createHash } from "node:crypto";
import { encodeBase64Lines } from "../corpus/encodings.ts";
import { Random } from "../corpus/random.ts";
import { DOWNLOAD, type Row, rate, verify } from "../row.ts";

const CHECKED = 200;
const RANDOM = 500;
const MAILBOX = "Large";
const PIECE = 65_536;
/** 57 octets make a line of 78 in base64. */
const LARGE_PART = Math.floor(20_000_000 / 78);

const contents: Row = {
  id: "contents",
  figures: [{ name: `letters of ${CHECKED} that differ by an octet`, unit: "", better: "lower", aim: { atMost: 0 } }],
  samples: 1,
  measure: async (bed) => {
    const connection = await bed.standing();
    for (const index of new Random(1).different(CHECKED, bed.corpus.count)) {
      const hash = createHash("sha256");
      await connection.command(`FETCH ${index + 1} BODY.PEEK[]`, { onLiteral: (piece) => hash.update(piece) });
      const expected = createHash("sha256").update(bed.corpus.letter(index).content).digest("hex");
      verify(`the content of letter ${index + 1}`, hash.digest("hex"), expected);
    }
    return [0];
  },
};

const randomBodies: Row = {
  id: "bodies-random",
  figures: [rate("random letters, one after the other", "letters/s", DOWNLOAD)],
  samples: 4,
  warmUp: 1,
  measure: async (bed, sample) => {
    const connection = await bed.standing();
    const indices = new Random(100 + sample).different(RANDOM, bed.corpus.count);
    let octets = 0;
    const started = performance.now();
    for (const index of indices) octets += (await connection.command(`FETCH ${index + 1} BODY.PEEK[]`)).literalOctets;
    const elapsed = performance.now() - started;
    const expected = indices.reduce((sum, index) => sum + (bed.corpus.places[index]?.octets ?? 0), 0);
    verify("octets", octets, expected);
    return [(indices.length * 1000) / elapsed];
  },
};

const everything: Row = {
  id: "bodies-all",
  figures: [rate("everything downloaded", "MB/s", DOWNLOAD)],
  samples: 3,
  measure: async (bed) => {
    const answer = await (await bed.standing()).command("UID FETCH 1:* BODY.PEEK[]");
    verify("octets", answer.literalOctets, bed.corpus.octets);
    return [answer.literalOctets / 1000 / answer.milliseconds];
  },
};

const largePart: Row = {
  id: "part-pieces",
  figures: [rate("20 MB part in pieces of 64 KB", "MB/s", DOWNLOAD)],
  samples: 3,
  needs: "nothing",
  prepare: async (bed) => {
    await bed.using(async (connection) => {
      await bed.renew(connection, MAILBOX);
      await connection.append(MAILBOX, [{ content: largeLetter(), flags: [], received: Date.UTC(2026, 0, 1) }]);
    });
  },
  measure: async (bed) =>
    await bed.using(async (connection) => {
      await connection.command(`SELECT ${MAILBOX}`);
      let octets = 0;
      const started = performance.now();
      for (let last = PIECE; last === PIECE; octets += last)
        last = (await connection.command(`FETCH 1 BODY.PEEK[2]<${octets}.${PIECE}>`)).literalOctets;
      const elapsed = performance.now() - started;
      verify("octets", octets, LARGE_PART * 78);
      return [octets / 1000 / elapsed];
    }),
};

function largeLetter(): Buffer {
  const file = createHash("shake256", { outputLength: LARGE_PART * 57 })
    .update("large")
    .digest();
  const headers = [
    "From: Ben <ben@example.org>",
    "To: Ann <ann@example.org>",
    "Subject: twenty megabytes",
    "Date: Thu, 01 Jan 2026 00:00:00 +0000",
    "Message-ID: <large@example.org>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="large"',
  ];
  const text = ["--large", "Content-Type: text/plain", "", "See the attachment.", "--large"];
  const part = ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64", "", ""];
  const start = [...headers, "", ...text, ...part].join("\r\n");
  // The line end before a boundary belongs to it (RFC 2046 section 5.1.1).
  return Buffer.from(`${start}${encodeBase64Lines(file)}\r\n--large--\r\n`, "latin1");
}

export const bodyRows = [contents, randomBodies, everything, largePart];

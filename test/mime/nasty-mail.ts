import * as fc from "fast-check";

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** Any octets, with those that matter to a parser more often than others. */
const noise = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom("\r", "\n", "\r\n", "\0", " ", "\t", "-", "--", ":", ";", "=", '"', "\\", "(", "<"),
      },
      { weight: 3, arbitrary: fc.string({ maxLength: 12 }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom("\xff", "\xe4\xf6", "\xc3\xa4", "--a", "--a--", "--ab", "From x", ">From ", "."),
      },
    ),
    { maxLength: 12 },
  )
  .map((texts) => texts.join(""));

const boundary = fc.constantFrom("a", "ab", "a-", "a--", "b c", "=_x", "(odd)", "\xe4", "a ");
const quoted = (text: string) => `"${text}"`;
const contentType = fc.oneof(
  fc.constantFrom(
    "text/plain",
    "text/html; charset=utf-7",
    'text/plain; charset="x-unknown"; format=flowed',
    "TEXT/PLAIN; CHARSET=utf-8;;",
    "image/png; name=a.png",
    "message/rfc822",
    "message/delivery-status",
    "message/external-body; access-type=x",
    "multipart",
    "/",
    "text",
    "",
    "application/octet-stream; name*0=a; name*1*=%e4; name*=utf-8''%zz",
    "multipart/mixed",
    'multipart/mixed; boundary=""',
  ),
  noise,
);
const encoding = fc.constantFrom(
  "7bit",
  "8bit",
  "binary",
  "base64",
  "quoted-printable",
  "BASE64 ",
  "x-odd",
  "",
  "base64; x",
  "7bit\r\n (a)",
);
const eol = fc.constantFrom("\r\n", "\r\n", "\r\n", "\n");

const fieldName = fc.constantFrom(
  "Subject",
  "From",
  "To",
  "Cc",
  "Date",
  "X-Odd",
  "Message-ID",
  "subject ",
  "Content-ID",
  "Content-Disposition",
  "Content-Language",
  "Content-MD5",
  "Sender",
  "Reply-To",
);
const fieldValue = fc.oneof(
  fc.constantFrom(
    "=?utf-8?B?w6Q=?= =?utf-8?Q?=C3?=",
    'a <b@c>, group: d@e, f <g>;, <@r,@s:t@u>, "q\\"" <v@w> (c(d))',
    "Mon, 32 Foo 99999 99:99:99 +9999",
    'attachment; filename*=utf-8\'\'%e4%f6; filename="a\\"b"',
    "\xfcber",
    "<a@b> <c",
    "",
    "a\r\n b\r\n\tc",
    "((((",
    '"',
  ),
  noise,
  fc.nat(4000).map((length) => "x".repeat(length)),
);
const field = fc.tuple(fieldName, fieldValue, eol).map(([name, value, end]) => `${name}: ${value}${end}`);
const oddLine = fc.oneof(
  fc.constantFrom("no colon here\r\n", ": no name\r\n", " a fold at first\r\n", ">From x\r\n"),
  noise,
);

const body = fc.oneof(
  noise,
  fc.string({ maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.uint8Array({ maxLength: 200 }).map((bytes) =>
    Buffer.from(bytes)
      .toString("base64")
      .replace(/(.{20})/g, "$1\r\n"),
  ),
  fc.constantFrom(
    "YQ==YmI=\r\nYw",
    "Y\r\nQ=\r\n=",
    "=41=\r\n=4 =zz=\n x  \r\n\t\n=",
    "a \t \r\nb=20\r\n= \r\n",
    "",
    "\r\n",
    "\n",
    "\0\0\r",
  ),
);

/** A header and what follows, as anybody could have made it; deeper ones come less often. */
function entity(depth: number): fc.Arbitrary<string> {
  const leaf = fc
    .tuple(
      fc.array(fc.oneof({ weight: 4, arbitrary: field }, { weight: 1, arbitrary: oddLine }), { maxLength: 4 }),
      contentType,
      encoding,
      eol,
      body,
      fc.nat(9),
    )
    .map(([fields, type, transfer, end, content, shape]) => {
      const doubled = shape === 0 ? `Content-Type: text/html${end}` : "";
      const header = `${fields.join("")}Content-Type: ${type}${end}${doubled}Content-Transfer-Encoding: ${transfer}${end}`;
      // Some have no header, some no empty line after it.
      if (shape === 1) return `${end}${content}`;
      return shape === 2 ? header : `${header}${end}${content}`;
    });
  if (depth === 0) return leaf;
  const inner = entity(depth - 1);
  const multipart = fc
    .tuple(
      boundary,
      fc.array(inner, { maxLength: 4 }),
      eol,
      fc.constantFrom("mixed", "digest", "alternative", "Signed", "x"),
      fc.nat(15),
      noise,
      encoding,
    )
    .map(([name, parts, end, subtype, shape, between, transfer]) => {
      const delimiter = shape === 0 ? `--${name}x` : `--${name}${shape === 1 ? " \t" : ""}`;
      const written = parts.map((part) => `${end}${delimiter}${end}${part}`).join("");
      const closing = shape === 2 ? "" : `${end}--${name}--${shape === 3 ? "" : end}${shape === 4 ? between : ""}`;
      const head = `Content-Type: multipart/${subtype}; boundary=${quoted(name)}${end}`;
      const how = shape === 5 ? `Content-Transfer-Encoding: ${transfer}${end}` : "";
      return `${head}${how}${end}${shape === 6 ? between : ""}${written}${closing}`;
    });
  const message = fc.tuple(inner, eol, encoding, fc.nat(3)).map(([content, end, transfer, shape]) => {
    const how = shape === 0 ? `Content-Transfer-Encoding: ${transfer}${end}` : "";
    const written = transfer === "base64" && shape === 0 ? latin1(content).toString("base64") : content;
    return `Content-Type: message/rfc822${end}${how}${end}${written}`;
  });
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 3, arbitrary: multipart },
    { weight: 1, arbitrary: message },
  );
}

/** Mail as it really is, and worse: never empty, a few kilobytes. */
export const nastyMail: fc.Arbitrary<Buffer> = fc
  .oneof({ weight: 8, arbitrary: entity(3) }, { weight: 1, arbitrary: noise })
  .map((text) => latin1(text === "" ? "\n" : text));

const NESTED = 100;

/** One mail for each thing that is known to break programs, by name. */
export const INFAMOUS: Readonly<Record<string, Buffer>> = {
  "no header": latin1("\r\nonly a body\r\n"),
  "no body, no empty line": latin1("Subject: x"),
  "one octet": latin1("x"),
  "NULs everywhere": latin1("Subject: a\0b\r\nContent-Type: text/plain\0; charset=\0\r\n\r\n\0\0\r\n\0"),
  "bare LF": latin1("Subject: x\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\n\ntwo\n--a--\n"),
  "bare CR": latin1("Subject: x\rFrom: y\r\rbody\rbody"),
  "a header line of 200 KB": latin1(`Subject: ${"long ".repeat(40_960)}\r\nTo: a@b\r\n\r\nbody\r\n`),
  "an address list of 200 KB": latin1(`To: ${"a@b.example, ".repeat(16_000)}\r\n\r\nbody\r\n`),
  "10,000 parts": latin1(
    `Content-Type: multipart/mixed; boundary=a\r\n\r\n${"--a\r\n\r\nx\r\n".repeat(10_050)}--a--\r\n`,
  ),
  "multiparts nested 100 deep": latin1(
    `${Array.from({ length: NESTED + 10 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`).join("")}\r\nx\r\n`,
  ),
  "messages nested 100 deep": latin1(
    `${"Content-Type: message/rfc822\r\n\r\n".repeat(NESTED + 10)}Subject: x\r\n\r\nx\r\n`,
  ),
  "a boundary that never comes": latin1("Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble only\r\n"),
  "a boundary that does not end": latin1(
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a\r\n\r\ny",
  ),
  "boundaries that begin alike": latin1(
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n\r\nx\r\n--ab--\r\n--a\r\n\r\ny\r\n--a--\r\n",
  ),
  "the same boundary twice": latin1(
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n--a\r\n\r\ny\r\n--a--\r\n",
  ),
  "message/rfc822 in base64": latin1(
    `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from("Subject: in\r\n\r\nx").toString("base64")}\r\n`,
  ),
  "eight bits in the header": latin1(
    "Subject: \xe4\xf6\xfc\r\nFrom: \xc3\xa4 <a@b>\r\nContent-Type: text/plain; name=\xff\r\n\r\n\xff\r\n",
  ),
  "two Content-Types": latin1(
    "Content-Type: multipart/mixed; boundary=a\r\nContent-Type: text/plain\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n",
  ),
  "a charset that nobody knows": latin1("Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe\r\n"),
};

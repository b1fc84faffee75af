const lines = (...text: string[]) => `${text.join("\r\n")}\r\n`;

/** A short letter. */
export const LETTER = lines(
  "Date: Mon, 7 Feb 1994 21:52:25 -0800",
  "From: Fred Foobar <foobar@blurdybloop.example>",
  "Subject: afternoon meeting",
  "To: mooch@owatagu.example",
  "Message-ID: <B27397-0100000@blurdybloop.example>",
  "MIME-Version: 1.0",
  "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII",
  "",
  "Hello Joe, do you think we can meet at 3:30 tomorrow?",
);

/** A letter with an encoded subject, folded fields and UTF-8 in its body. */
export const ENCODED = lines(
  "Date: Tue, 8 Feb 1994 10:00:00 +0000",
  "From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.net>",
  "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= from",
  "\tfar away",
  "To: ann@example.org,",
  " bob@example.org",
  "X-Note: one",
  "X-Note: two",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  Buffer.from("Straße und Brücke\r\n").toString("base64"),
);

/** A multipart with a text, and a message inside that is a multipart again. */
export const NESTED = lines(
  "From: outer@example.org",
  "Subject: outer",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="o"',
  "",
  "preamble",
  "--o",
  "Content-Type: text/plain",
  "",
  "one",
  "--o",
  "Content-Type: message/rfc822",
  "",
  "From: inner@example.org",
  "Subject: inner",
  "MIME-Version: 1.0",
  'Content-Type: multipart/alternative; boundary="i"',
  "",
  "--i",
  "Content-Type: text/plain",
  "Content-ID: <a@i>",
  "",
  "inner text",
  "--i",
  "Content-Type: text/html",
  "",
  "<p>inner</p>",
  "--i--",
  "--o--",
);

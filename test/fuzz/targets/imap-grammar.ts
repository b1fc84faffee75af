import * as fc from "fast-check";

/** IMAP's words, for mutations. */
export const IMAP_TOKENS: readonly string[] = [
  ...' |  |(|)|[|]|<0.10>|{3}|{3+}|~{3+}|{99999999999}|\r\n|""|"a\\"b"|NIL|*|1:*|$|4294967295|4294967296|0'.split("|"),
  ..."UID |NOT |OR |RETURN (|SAVE|PARTIAL 1:5|-1:-5|MODSEQ |UNCHANGEDSINCE |QRESYNC (|CHANGEDSINCE ".split("|"),
  ..."BODY.PEEK[|BINARY[|HEADER.FIELDS (|1.2.MIME|&AOQ-|INBOX|\\Seen|FLAGS.SILENT|1-Feb-1994|CHARSET UTF-8 ".split("|"),
];

const number = fc.oneof(fc.nat(9), fc.constantFrom(0, 4294967295, 4294967296, 999999999999999)).map(String);
const position = fc.oneof(number, fc.constant("*"));
const range = fc.oneof(
  position,
  fc.tuple(position, position).map((pair) => pair.join(":")),
);
const set = fc.oneof(
  fc.array(range, { minLength: 1, maxLength: 4 }).map((ranges) => ranges.join(",")),
  fc.constant("$"),
);
const quoted = fc.string({ maxLength: 8, unit: "binary-ascii" }).map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`);
const literal = fc
  .tuple(fc.string({ maxLength: 12, unit: "binary-ascii" }), fc.constantFrom("{", "~{"))
  .map(([text, begin]) => `${begin}${text.length}+}\r\n${text}`);
const atom = fc.constantFrom("INBOX", "a", "Sent", "&AOQ-b", "x/y", "NIL", "a]b", "INBOX/x");
const astring = fc.oneof(atom, quoted, literal);
const flag = fc.constantFrom("\\Seen", "\\Deleted", "\\Odd", "$Work", "x", "\\Recent", "\\");
const listOf = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 4 }).map((items) => `(${items.join(" ")})`);
const words = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(" "));
const word = fc.constant<string>;

const part = fc.array(fc.constantFrom(1, 2, 3, 0), { maxLength: 4 }).map((numbers) => numbers.join("."));
const section = fc.oneof(
  part,
  fc
    .tuple(part, fc.constantFrom("HEADER", "TEXT", "MIME", "ODD"))
    .map(([at, text]) => (at === "" ? text : `${at}.${text}`)),
  listOf(astring).map((names) => `HEADER.FIELDS ${names}`),
  listOf(astring).map((names) => `1.HEADER.FIELDS.NOT ${names}`),
);
const partial = fc.oneof(
  word(""),
  fc.tuple(number, number).map(([start, length]) => `<${start}.${length}>`),
);
const item = fc.oneof(
  fc.constantFrom("FLAGS", "UID", "ENVELOPE", "BODY", "BODYSTRUCTURE", "MODSEQ", "RFC822", "PREVIEW (LAZY)", "EMAILID"),
  fc.tuple(fc.constantFrom("BODY", "BODY.PEEK"), section, partial).map(([name, what, cut]) => `${name}[${what}]${cut}`),
  fc
    .tuple(fc.constantFrom("BINARY", "BINARY.PEEK", "BINARY.SIZE"), part, partial)
    .map(([name, at, cut]) => `${name}[${at}]${cut}`),
);
export const fetchItems = fc.oneof(listOf(item), item, fc.constantFrom("ALL", "FAST", "FULL"));

const date = fc.constantFrom("1-Feb-1994", '"31-Feb-1994"', "29-Feb-2024", "1-Xyz-1", "01-Jan-0001");
export const searchKey: fc.Arbitrary<string> = fc.letrec<{ key: string }>((tie) => ({
  key: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("ALL", "SEEN", "UNSEEN", "DELETED", "RECENT", "NEW", "OLD", "SAVEDATESUPPORTED", "ODD"),
    set,
    set.map((uids) => `UID ${uids}`),
    words(fc.constantFrom("SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT", "KEYWORD", "UNKEYWORD"), astring),
    words(fc.constantFrom("SINCE", "BEFORE", "ON", "SENTON", "SENTBEFORE", "SAVEDSINCE"), date),
    words(fc.constantFrom("LARGER", "SMALLER", "OLDER", "YOUNGER", "MODSEQ", 'MODSEQ "/flags/x" all'), number),
    words(word("HEADER"), astring, astring),
    words(word("NOT"), tie("key")),
    words(word("OR"), tie("key"), tie("key")),
    fc.array(tie("key"), { maxLength: 3 }).map((keys) => `(${keys.join(" ")})`),
  ),
})).key;

const returns = fc.oneof(
  word(""),
  listOf(fc.constantFrom("MIN", "MAX", "ALL", "COUNT", "SAVE", "PARTIAL 1:2", "PARTIAL -1:-2")).map(
    (options) => `RETURN ${options} `,
  ),
);
const charset = fc.constantFrom("", "CHARSET UTF-8 ", "CHARSET X ");
export const search = fc.tuple(returns, charset, searchKey).map((texts) => texts.join(""));
const sortKeys = listOf(fc.constantFrom("DATE", "REVERSE SUBJECT", "ARRIVAL", "DISPLAYFROM", "SIZE", "ODD", "CC"));

const message = fc
  .tuple(listOf(flag), fc.constantFrom("", ' "17-Jul-1996 02:44:25 -0700"'), literal)
  .map((texts) => `${texts[0]}${texts[1]} ${texts[2]}`);
const statusItems = listOf(
  fc.constantFrom("MESSAGES", "UIDNEXT", "SIZE", "HIGHESTMODSEQ", "RECENT", "MAILBOXID", "ODD"),
);
const uid = fc.constantFrom("", "UID ");

const eventGroup = fc
  .tuple(
    fc.constantFrom(
      "selected",
      "selected-delayed",
      "inboxes",
      "personal",
      "subscribed",
      "subtree x",
      "mailboxes (a Sent)",
    ),
    fc.oneof(
      word("NONE"),
      fetchItems.map((items) => `(MessageNew ${items} MessageExpunge)`),
      listOf(fc.constantFrom("MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "AnnotationChange", "Odd")),
    ),
  )
  .map((texts) => `(${texts.join(" ")})`);

/** A command's name and arguments, mostly well formed. */
export const command: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "NOOP",
    "CHECK",
    "CLOSE",
    "UNSELECT",
    "EXPUNGE",
    "CAPABILITY",
    "NAMESPACE",
    "ODD",
    "UID",
    "IDLE\r\nDONE",
  ),
  words(fc.constantFrom("SELECT", "EXAMINE", "CREATE", "DELETE", "SUBSCRIBE"), astring),
  words(
    word("SELECT INBOX"),
    fc.tuple(number, number, set).map((known) => `(QRESYNC (${known.join(" ")} (1:2 1:2)))`),
  ),
  words(word("RENAME"), astring, astring),
  words(word("ENABLE"), fc.constantFrom("CONDSTORE", "QRESYNC", "IMAP4rev2", "UTF8=ACCEPT X")),
  word("NOTIFY NONE"),
  words(fc.constantFrom("NOTIFY SET", "NOTIFY SET STATUS"), eventGroup, eventGroup),
  words(word("LIST"), astring, astring),
  words(
    word("LIST (SUBSCRIBED RECURSIVEMATCH)"),
    astring,
    listOf(astring),
    fc.constantFrom("RETURN (CHILDREN)", "RETURN (STATUS (SIZE))"),
  ),
  words(word("STATUS"), astring, statusItems),
  words(word("APPEND"), astring, message, message),
  words(word("APPEND"), astring, message),
  fc.tuple(uid, words(word("REPLACE"), set, astring, message)).map((texts) => texts.join("")),
  fc.tuple(uid, search).map(([by, what]) => `${by}SEARCH ${what}`),
  fc
    .tuple(uid, returns, sortKeys, searchKey)
    .map(([by, options, keys, key]) => `${by}SORT ${options}${keys} UTF-8 ${key}`),
  fc
    .tuple(uid, fc.constantFrom("REFERENCES", "ORDEREDSUBJECT"), searchKey)
    .map(([by, how, key]) => `${by}THREAD ${how} UTF-8 ${key}`),
  fc
    .tuple(
      uid,
      words(word("FETCH"), set, fetchItems, fc.constantFrom("", "(CHANGEDSINCE 3 VANISHED)", "(PARTIAL 1:2)")),
    )
    .map((texts) => texts.join("").trimEnd()),
  fc
    .tuple(
      uid,
      words(
        word("STORE"),
        set,
        fc.constantFrom("FLAGS", "+FLAGS", "-FLAGS.SILENT", "(UNCHANGEDSINCE 5) FLAGS"),
        listOf(flag),
      ),
    )
    .map((texts) => texts.join("")),
  fc.tuple(uid, words(fc.constantFrom("COPY", "MOVE"), set, astring)).map((texts) => texts.join("")),
  words(word("UID EXPUNGE"), set),
  words(word("ID"), listOf(astring)),
);

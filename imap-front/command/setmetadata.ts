import { annotationSubject, parseEntry, requireWritable } from "../annotation-entries.ts";
import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { LoggedIn } from "../state.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 5464 section 4.3: `SP mailbox SP "(" entry SP value *(SP entry SP value) ")"`; all of them or none. NIL removes. */
export const setMetadata: Handler<LoggedIn> = async (session, state, args) => {
  const { limits } = session;
  args.space();
  const name = args.mailbox();
  args.space();
  const pairs = args.list(() => {
    const entry = parseEntry(args, limits.annotationNameOctets, false);
    args.space();
    return [entry, args.nstring8()] as const;
  });
  args.end();
  if (pairs.length === 0) throw new SyntaxFailure("expected an entry and its value");

  const subject = annotationSubject(state.store, name);
  for (const [entry, value] of pairs) {
    requireWritable(subject, entry);
    if ((value?.length ?? 0) > limits.annotationOctets)
      throw new CommandFailure(
        "NO",
        `METADATA MAXSIZE ${limits.annotationOctets}`,
        `an annotation has ${limits.annotationOctets} octets at most`,
      );
  }
  if ((await subject.annotated.setAnnotations(new Map(pairs), session.news.annotations)) === "too-many")
    throw new CommandFailure("NO", "METADATA TOOMANY", "there are too many annotations; remove some with NIL");
  return "SETMETADATA completed";
};

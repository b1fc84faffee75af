export interface BaseSubject {
  /** What threads and SORT SUBJECT compare; in the case of the subject. */
  readonly base: string;
  /** Something was taken off that says reply or forward. */
  readonly isReplyOrForward: boolean;
}

const MAX_SUBJECT = 2_000;

/** subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
const REFWD = /^(?:re|fwd?)[ \t]*(?:\[[^[\]]*\])?[ \t]*:/i;
/** subj-blob = "[" *BLOBCHAR "]" *WSP */
const BLOB = /^\[[^[\]]*\][ \t]*/;
/** subj-trailer = "(fwd)" / WSP */
const TRAILER = /(?:\(fwd\)|[ \t])$/i;
/** subj-fwd-hdr "[fwd:" ... "]" */
const FORWARD = /^\[fwd:(.*)\]$/i;

/** The base subject of a decoded subject (RFC 5256 section 2.1). */
export function baseSubject(subject: string): BaseSubject {
  let base = subject.slice(0, MAX_SUBJECT).replace(/\s+/g, " ");
  let isReplyOrForward = false;
  for (;;) {
    const trimmed = stripTrailers(base);
    if (trimmed.forwarded) isReplyOrForward = true;
    base = trimmed.text;
    const leaders = stripLeaders(base);
    if (leaders.replied) isReplyOrForward = true;
    base = leaders.text;
    const forward = FORWARD.exec(base);
    if (forward === null) return { base, isReplyOrForward };
    isReplyOrForward = true;
    base = forward[1] ?? "";
  }
}

function stripTrailers(subject: string): { text: string; forwarded: boolean } {
  let end = subject.length;
  let forwarded = false;
  for (;;) {
    const match = TRAILER.exec(subject.slice(Math.max(0, end - 5), end));
    if (match === null) return { text: subject.slice(0, end), forwarded };
    if (match[0].length > 1) forwarded = true;
    end -= match[0].length;
  }
}

/** Leaders go always (step 3); blobs alone too, except for the last one where nothing else is left (step 4). */
function stripLeaders(subject: string): { text: string; replied: boolean } {
  let text = subject;
  let replied = false;
  for (;;) {
    const start = text.trimStart();
    const { rest, lastBlob } = skipBlobs(start);
    const refwd = REFWD.exec(rest);
    if (refwd === null) return { text: rest === "" ? lastBlob : rest, replied };
    replied = true;
    text = rest.slice(refwd[0].length);
  }
}

function skipBlobs(text: string): { rest: string; lastBlob: string } {
  let rest = text;
  let lastBlob = "";
  for (let blob = BLOB.exec(rest); blob !== null; blob = BLOB.exec(rest)) {
    lastBlob = rest;
    rest = rest.slice(blob[0].length);
  }
  return { rest, lastBlob };
}

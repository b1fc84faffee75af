import { domainToASCII } from "node:url";
import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from "smtp-server";
import type { Content } from "../foundation/content.ts";
import type { Logger } from "../foundation/logger.ts";
import { drain, receiveContent, tooBig } from "./content.ts";
import { toReply } from "./reply.ts";
import { type Recipient, SmtpReply, type Submission, type SubmissionSink } from "./submission.ts";

/** MAIL (RFC 5321 section 4.1.1.2, RFC 1870). @throws SmtpReply */
export async function mail(address: SMTPServerAddress, session: SMTPServerSession, limit: number): Promise<void> {
  try {
    const sink = sinkOf(session);
    const most = Math.min(limit, sink.sizeLimit);
    const declared = address.args === false ? undefined : address.args["SIZE"];
    if (Number(declared ?? 0) > most) throw tooBig(most);
    await sink.checkSender(asWritten(address.address, session));
  } catch (error) {
    // smtp-server notes RET and ENVID before it asks, and would hand those of a refused MAIL to the next one.
    session.envelope.dsn = { ret: null, envid: null };
    throw error;
  }
}

/** RCPT (RFC 5321 section 4.1.1.3, RFC 3461 section 4). @throws SmtpReply */
export async function rcpt(address: SMTPServerAddress, session: SMTPServerSession): Promise<void> {
  await sinkOf(session).checkRecipient(recipientOf(address, session), reversePath(session));
}

/**
 * DATA. Resolves with the text after 250 2.6.0 once the sink holds the message.
 * @throws SmtpReply, when the whole message has been read, so that the connection goes on in step
 */
export async function data(
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
  options: { limit: number; logger: Logger },
): Promise<string> {
  const sink = sinkOf(session);
  const most = Math.min(options.limit, sink.sizeLimit);
  // Without a listener smtp-server would end the stream of a client that went away as though it were whole.
  stream.on("error", () => undefined);
  try {
    const { id } = await sink.submit(submissionOf(session, await receiveContent(stream, most)));
    await drain(stream);
    return `Accepted as ${id}`;
  } catch (error) {
    await drain(stream);
    if (stream.byteLength > most) throw tooBig(most);
    if (!stream.readableEnded) throw new SmtpReply(421, "4.4.2", "The connection was lost");
    throw toReply(error, options.logger);
  }
}

function sinkOf(session: SMTPServerSession): SubmissionSink {
  const sink = session.user as SubmissionSink | undefined;
  if (!sink) throw new SmtpReply(530, "5.7.0", "Authentication is needed");
  return sink;
}

function submissionOf(session: SMTPServerSession, content: Content): Submission {
  const { rcptTo, dsn } = session.envelope;
  const ret = dsn?.ret?.toLowerCase();
  const envid = dsn?.envid;
  return {
    from: reversePath(session),
    recipients: rcptTo.map((address) => recipientOf(address, session)),
    ...((ret === "full" || ret === "hdrs") && { ret }),
    ...(typeof envid === "string" && { envid }),
    content,
  };
}

function reversePath(session: SMTPServerSession): string {
  const { mailFrom } = session.envelope;
  return mailFrom === false ? "" : asWritten(mailFrom.address, session);
}

type Notify = NonNullable<Recipient["notify"]>[number];

function recipientOf(address: SMTPServerAddress, session: SMTPServerSession): Recipient {
  const notify = address.dsn?.notify?.map((value) => value.toLowerCase() as Notify);
  const originalRecipient = address.dsn?.orcpt;
  return {
    address: asWritten(address.address, session),
    ...(notify !== undefined && { notify }),
    ...(originalRecipient !== undefined && { originalRecipient }),
  };
}

/** smtp-server turns `xn--` labels into Unicode; a client that did not ask for SMTPUTF8 wrote them in ASCII. */
function asWritten(address: string, session: SMTPServerSession): string {
  const at = address.lastIndexOf("@");
  // oxlint-disable-next-line no-control-regex
  if (session.envelope.smtpUtf8 === true || /^[\x00-\x7f]*$/.test(address.slice(at + 1))) return address;
  const ascii = domainToASCII(address.slice(at + 1));
  return ascii === "" ? address : `${address.slice(0, at + 1)}${ascii}`;
}

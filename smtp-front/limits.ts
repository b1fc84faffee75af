/** Bounds of the submission server; times in milliseconds, sizes in octets. */
export interface SmtpLimits {
  /** Largest message, announced as SIZE (RFC 1870); the account's own limit may be lower. */
  readonly messageOctets: number;
  /** Recipients of one message: ten times what RFC 5321 section 4.5.3.1.8 demands. */
  readonly recipients: number;
  /** Connections at a time: mail programs open a handful each. */
  readonly connections: number;
  /** Silence after which a connection is closed (RFC 5321 section 4.5.3.2.7). */
  readonly idle: number;
  /**
   * How long a client that wants TLS from the first octet may take to say so before the greeting is sent in the clear.
   * A program that means STARTTLS waits this long; most send their hello within a millisecond, those with GLib take 50 ms
   * and several times as long on a busy machine.
   */
  readonly helloWait: number;
  /** Time for a TLS handshake; on one machine it takes a few milliseconds, on a loaded one a second. */
  readonly handshake: number;
  /** Answer to the first wrong password waits this long; each further one twice as long, up to the second bound. */
  readonly wrongPasswordDelay: number;
  readonly wrongPasswordDelayMost: number;
  /** Quiet time after which wrong passwords are forgotten. */
  readonly wrongPasswordMemory: number;
  /** Wrong passwords on one connection before it is closed. */
  readonly wrongPasswords: number;
  /** How long messages that are being taken may go on once the server is told to stop. */
  readonly stopWait: number;
}

/**
 * Octets up to which a message is awaited and handed on whole, so that it is worked on in one go: nearly all letters
 * without attachments. The connections hold 3 MB of such messages at most.
 */
export const WHOLE_MESSAGE = 65_536;

export const SMTP_LIMITS: SmtpLimits = {
  messageOctets: 104_857_600,
  recipients: 1_000,
  connections: 50,
  idle: 300_000,
  helloWait: 1_000,
  handshake: 30_000,
  wrongPasswordDelay: 500,
  wrongPasswordDelayMost: 8_000,
  wrongPasswordMemory: 600_000,
  wrongPasswords: 5,
  stopWait: 10_000,
};

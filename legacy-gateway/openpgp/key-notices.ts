import type { KeyOrigin } from "../../keyring/openpgp-keys.ts";

/** Something that the user has to know. */
export interface KeyNotice {
  /** ASCII. */
  readonly subject: string;
  readonly text: string;
}

const ORIGINS: Readonly<Record<KeyOrigin, string>> = {
  own: "you made it",
  import: "you imported it",
  autocrypt: "it came in the header of a letter",
  attachment: "it was attached to a letter",
  wkd: "the provider of the address publishes it",
  keyserver: "a key server gave it",
  gossip: "somebody else passed it on",
};

/** As people compare them: blocks of four. */
export function formatFingerprint(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{1,4}/g) ?? []).join(" ");
}

export function keyChangedNotice(change: {
  readonly address: string;
  readonly fingerprint: string;
  readonly origin: KeyOrigin;
  readonly before?: string;
}): KeyNotice {
  const { address, fingerprint, origin, before } = change;
  const old = before === undefined ? "" : `The key that is used so far:\n    ${formatFingerprint(before)}\n`;
  return {
    subject: "A correspondent has another OpenPGP key",
    text:
      `There is another OpenPGP key for ${address} (${ORIGINS[origin]}):\n    ${formatFingerprint(fingerprint)}\n${old}\n` +
      "Letters are still encrypted to the old key, and signatures by the new one do not count yet: the new one may be\n" +
      "theirs, or somebody's between you. Ask them on another way, for instance by telephone, whether it is right. If it is:\n\n" +
      `    postern gateway key accept ${address} ${fingerprint.toUpperCase()}`,
  };
}

export function keyRevokedNotice({
  address,
  fingerprint,
}: {
  readonly address: string;
  readonly fingerprint: string;
}): KeyNotice {
  return {
    subject: "A correspondent's OpenPGP key is revoked",
    text:
      `The OpenPGP key of ${address} is revoked by its owner:\n    ${formatFingerprint(fingerprint)}\n\n` +
      "Nothing is encrypted to it any more. Ask them for a new one, or wait for a letter that carries it.",
  };
}

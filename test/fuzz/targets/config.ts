import * as fc from "fast-check";
import { parseConfig } from "../../../bridge/config.ts";
import { parseHostPort } from "../../../bridge/host-port.ts";
import { parseAddress } from "../../../foundation/address.ts";
import { Failure } from "../../../foundation/failure.ts";
import { parseVaultFile } from "../../../keyring/vault-file.ts";
import { parseRelayUrl } from "../../../relay/relay-url.ts";
import { octets, type Target } from "../target.ts";

const TOKENS = [
  "[imap]\n",
  "listen = ",
  '"127.0.0.1:4143"',
  "[vault]\n",
  "key_file = ",
  "true",
  "[[",
  '"""',
  "'''",
  "\n",
  "=",
  ".",
  "{",
  "postern-relay://",
  "@",
  "1e999",
  "inf",
  "1979-05-27",
  "\\u0000",
  "#",
];

/** Each reader of what a person wrote into a file or on the command line; the input's first octet chooses. */
const READERS: readonly ((text: string) => unknown)[] = [
  (text) => parseConfig(text, "config.toml"),
  parseHostPort,
  parseAddress,
  parseRelayUrl,
  parseVaultFile,
];

/** A person's mistakes are told as a Failure, with words. */
export const config: Target = {
  name: "config",
  seeds: [
    '\x00[imap]\nlisten = "127.0.0.1:4143"\n[log]\nlevel = "info"\n',
    "\x01[::1]:25",
    "\x02a@b.postern.alt",
    '\x04{"version":1,"slots":[]}',
  ].map(octets),
  tokens: TOKENS,
  structured: fc
    .tuple(
      fc.nat(READERS.length - 1),
      fc.oneof(
        fc.json(),
        fc
          .array(fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 6 })), { maxLength: 12 })
          .map((texts) => texts.join("")),
      ),
    )
    .map(([which, text]) => Buffer.concat([Buffer.from([which]), Buffer.from(text, "utf8")])),
  run(input) {
    try {
      READERS[(input[0] ?? 0) % READERS.length]?.(input.toString("utf8", 1));
    } catch (error) {
      if (!(error instanceof Failure) || error.message === "") throw error;
    }
  },
};

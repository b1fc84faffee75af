import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import type { GatewayKeyView } from "../../operations/operations.ts";
import { readPassword } from "../password.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface MakeOptions extends CommonOptions {
  readonly name?: string;
  readonly another?: boolean;
}

interface ImportOptions extends CommonOptions {
  readonly passphraseFile?: string;
  readonly setupCodeFile?: string;
}

interface ExportOptions extends CommonOptions {
  readonly secret?: boolean;
  readonly passphraseFile?: string;
}

interface PreferOptions extends CommonOptions {
  readonly encryption?: string;
  readonly signPlain?: string;
}

interface SetupOptions extends CommonOptions {
  readonly out?: string;
}

/** `postern gateway key`: OpenPGP keys for old e-mail addresses. */
export function addGatewayKeyCommand(gateway: Command): void {
  const key = gateway.command("key").description("OpenPGP keys of your old addresses, and of those who write to them.");

  addCommand<MakeOptions>(
    key,
    "make <address>",
    "Make a key for an old address of yours; letters from it are signed, and carry it.",
    ["postern gateway key make ann@example.org --name 'Ann Example'"],
    (command) =>
      command
        .option("--name <name>", "what stands beside the address in the key")
        .option("--another", "make one although the address has one; letters to the old one can still be read"),
    async (invocation, { name, another = false }, address = "") => {
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayKeyMake({ address, another, ...(name !== undefined && { name }) }),
      );
      invocation.output.result(done, `${done.address} has the key\n    ${blocks(done.fingerprint)}`);
    },
  );

  addCommand<ImportOptions>(
    key,
    "import <file>",
    "Take keys from a file, armored or not: yours with their secret part, others' public ones, whole keyrings; for instance what gpg wrote with --export-secret-keys or --export.",
    [
      "postern gateway key import ann.gpg",
      "postern gateway key import everybody.gpg --json",
      "postern gateway key import setup.eml --setup-code-file code.txt",
    ],
    (command) =>
      command
        .option("--passphrase-file <file>", "its first line opens the secret keys in the file")
        .option("--setup-code-file <file>", "the file is an Autocrypt setup message, opened with this code"),
    async (invocation, { passphraseFile, setupCodeFile }, file = "") => {
      const passphrase = passphraseFile === undefined ? undefined : await readPassword("", passphraseFile);
      const setupCode = setupCodeFile === undefined ? undefined : await readPassword("", setupCodeFile);
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayKeyImport({
          path: resolve(file),
          ...(passphrase !== undefined && { passphrase }),
          ...(setupCode !== undefined && { setupCode }),
        }),
      );
      const lines = done.imported.map(
        ({ fingerprint, addresses, secret }) =>
          `${secret ? "yours   " : "public  "} ${blocks(fingerprint)}\n    ${addresses.join(", ") || "for no address"}`,
      );
      invocation.output.result(done, lines.join("\n"));
    },
  );

  addCommand<ExportOptions>(
    key,
    "export <address>",
    "Print a key, armored: the public part, or with --secret all of it, under a passphrase.",
    [
      "postern gateway key export ann@example.org > ann.asc",
      "postern gateway key export ann@example.org --secret --passphrase-file new-passphrase.txt > ann-secret.asc",
    ],
    (command) =>
      command
        .option("--secret", "the secret part too: whoever has it and the passphrase reads your letters")
        .option("--passphrase-file <file>", "its first line protects the secret part"),
    async (invocation, { secret = false, passphraseFile }, address = "") => {
      if (!secret && passphraseFile !== undefined) throw new Failure("invalid", "a public key needs no passphrase");
      const passphrase = secret ? await readPassword("A passphrase for the exported key: ", passphraseFile) : undefined;
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayKeyExport({ address, secret, ...(passphrase !== undefined && { passphrase }) }),
      );
      invocation.output.result(done, done.armored.trimEnd());
    },
  );

  addCommand(
    key,
    "list",
    "Show all keys, where each came from, and whether it counts.",
    ["postern gateway key list", "postern gateway key list --json"],
    (command) => command,
    async (invocation) => {
      const done = await withOperations(invocation, (operations) => operations.gatewayKeyList());
      const none = "There are none yet: postern gateway key make ADDRESS";
      invocation.output.result(done, done.keys.length === 0 ? none : done.keys.map(keyLines).join("\n"));
    },
  );

  addCommand(
    key,
    "accept <address> <fingerprint>",
    "Say that a key is really theirs: letters are encrypted to it from now on, and its signatures count.",
    ["postern gateway key accept bob@example.org 0123ABCD..."],
    (command) => command,
    async (invocation, _options, address = "", fingerprint = "") => {
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayKeyAccept({ address, fingerprint }),
      );
      invocation.output.result(done, `${done.address} has the key\n    ${blocks(done.fingerprint)}\nfrom now on.`);
    },
  );

  addCommand<PreferOptions>(
    key,
    "prefer <address>",
    "Say how letters from an old address of yours use its key: what others are asked for, and whether plain letters are signed.",
    [
      "postern gateway key prefer ann@example.org",
      "postern gateway key prefer ann@example.org --encryption nopreference    # others encrypt if they want to",
      "postern gateway key prefer ann@example.org --sign-plain yes",
    ],
    (command) =>
      command
        .option("--encryption <preference>", "mutual: others' programs encrypt by themselves (default); nopreference")
        .option(
          "--sign-plain <yes|no>",
          "sign letters that leave in the clear (default: no; encrypted ones always are)",
        ),
    async (invocation, { encryption, signPlain }, address = "") => {
      if (signPlain !== undefined && signPlain !== "yes" && signPlain !== "no")
        throw new Failure("invalid", "--sign-plain is yes or no");
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayKeyPrefer({
          address,
          ...(encryption !== undefined && { preferEncrypt: encryption }),
          ...(signPlain !== undefined && { signPlain: signPlain === "yes" }),
        }),
      );
      const signed = done.signPlain ? "signed" : "not signed";
      invocation.output.result(done, `${done.address}: encryption ${done.preferEncrypt}, plain letters ${signed}`);
    },
  );

  addCommand<SetupOptions>(
    key,
    "setup-message <address>",
    "Make an Autocrypt setup message: it brings your key to another mail program of yours.",
    ["postern gateway key setup-message ann@example.org --out setup.eml"],
    (command) => command.option("--out <file>", "the message is written here"),
    async (invocation, { out }, address = "") => {
      if (out === undefined) throw new Failure("invalid", "say where the message is to be written: --out setup.eml");
      const done = await withOperations(invocation, (operations) => operations.gatewaySetupMessage({ address }));
      await writeFile(resolve(out), done.letter, { mode: 0o600, flag: "wx" }).catch((cause: unknown) => {
        throw new Failure("invalid", `${out} cannot be written, or is there already`, { cause });
      });
      invocation.output.result(
        { file: resolve(out), code: done.code },
        `The message is in ${out}. Send it to yourself, open it in the other program, and type this code:\n\n    ${done.code}`,
      );
    },
  );
}

function keyLines({ address, fingerprint, origin, accepted, fitness }: GatewayKeyView): string {
  const state = [origin, accepted ? "counts" : "does not count yet", ...(fitness === "fit" ? [] : [fitness])];
  return `${address}  (${state.join(", ")})\n    ${blocks(fingerprint)}`;
}

function blocks(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{1,4}/g) ?? []).join(" ");
}

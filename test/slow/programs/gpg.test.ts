import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { bodyOf, formatLetter, sendRaw, untilLetter } from "../../../rig/letters.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { programPath, runWell } from "./program.ts";

let people: TwoPeople;
let home: string;

beforeAll(async () => {
  people = await TwoPeople.meet();
  home = join(people.scratch, "gpg");
}, 60_000);

afterAll(async () => {
  await runWell(programPath("gpgconf", "gnupg"), ["--homedir", home, "--kill", "all"], { home });
  await people?.part();
});

async function gpg(...args: string[]): Promise<string> {
  const quiet = ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
  return (await runWell(programPath("gpg", "gnupg"), [...quiet, ...args], { home })).toString();
}

test("a PGP/MIME signature (RFC 3156) verifies with gpg after the journey", async () => {
  await gpg("--quick-gen-key", "alice@example.org", "ed25519", "sign", "never");
  const part = "Content-Type: text/plain; charset=utf-8\r\n\r\nSigned text,  with  spaces \r\nand a second line.\r\n";
  writeFileSync(join(home, "part"), part);
  const signature = (await gpg("--armor", "--detach-sign", "--output", "-", join(home, "part"))).replace(
    /\r?\n/g,
    "\r\n",
  );
  const header = {
    From: people.alice.account.address,
    To: "bob@postern.alt",
    Subject: "signed",
    "MIME-Version": "1.0",
    "Content-Type": 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="sig"',
  };
  const body = `--sig\r\n${part}\r\n--sig\r\nContent-Type: application/pgp-signature; name="signature.asc"\r\n\r\n${signature}\r\n--sig--\r\n`;
  const smtp = people.alice.smtp();
  await sendRaw(smtp, { from: people.alice.account.address, to: "bob@postern.alt" }, formatLetter(header, body));
  smtp.close();

  const reader = await people.bob.imap();
  const { source } = await untilLetter(reader, "INBOX", "signed");
  await reader.logout();
  const [, signed = "", signaturePart = ""] = bodyOf(source)
    .toString("latin1")
    .split(/(?:^|\r\n)--sig(?:--)?\r\n/);
  writeFileSync(join(home, "received-part"), signed, "latin1");
  writeFileSync(join(home, "received-signature"), signaturePart.slice(signaturePart.indexOf("\r\n\r\n") + 4), "latin1");
  await gpg("--verify", join(home, "received-signature"), join(home, "received-part"));

  writeFileSync(join(home, "changed-part"), signed.replace("second", "third"), "latin1");
  await expect(gpg("--verify", join(home, "received-signature"), join(home, "changed-part"))).rejects.toThrow(/BAD/);
}, 120_000);

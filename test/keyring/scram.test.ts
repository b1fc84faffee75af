import { createHmac } from "node:crypto";
import { expect, test } from "@jest/globals";
import { scramKeys } from "../../keyring/scram.ts";

/** The exchange of RFC 7677 section 3. */
const AUTH_MESSAGE = [
  "n=user,r=rOprNGfwEbeRWgbNEkqO",
  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
].join(",");

test("the keys of RFC 7677's example give its client proof and its server signature", async () => {
  const keys = await scramKeys("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4096);
  const clientSignature = createHmac("sha256", keys.storedKey).update(AUTH_MESSAGE).digest();
  const proof = keys.clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
  expect(Buffer.from(proof).toString("base64")).toBe("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const serverSignature = createHmac("sha256", keys.serverKey).update(AUTH_MESSAGE).digest("base64");
  expect(serverSignature).toBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
});

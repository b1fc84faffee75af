import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadRelayKeys } from "../../relay/relay-keys.ts";
import { inTemporaryDirectory } from "./fixtures.ts";

test("a relay keeps its key, certificate and token", () =>
  inTemporaryDirectory(async (directory) => {
    const first = await loadRelayKeys(directory);
    expect(await loadRelayKeys(directory)).toEqual(first);
    expect(first.token.length).toBe(32);
    expect(first.pin.length).toBe(32);
  }));

test("a lost or foreign certificate is made anew, and the pin stays", () =>
  inTemporaryDirectory((directory) =>
    inTemporaryDirectory(async (other) => {
      const first = await loadRelayKeys(directory);
      const foreign = await loadRelayKeys(other);
      const path = join(directory, "tls-certificate.pem");
      for (const spoilt of [foreign.certificate, "", "no certificate"]) {
        await writeFile(path, spoilt);
        const again = await loadRelayKeys(directory);
        expect(again.pin).toEqual(first.pin);
        expect(await readFile(path, "utf8")).toBe(again.certificate);
        expect(again.certificate).not.toBe(spoilt);
      }
    }),
  ));

test.each(["token", "tls-key.pem"])("a damaged %s is named and not replaced", (file) =>
  inTemporaryDirectory(async (directory) => {
    await loadRelayKeys(directory);
    await writeFile(join(directory, file), "damaged");
    await expect(loadRelayKeys(directory)).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringContaining(file),
    });
    expect(await readFile(join(directory, file), "utf8")).toBe("damaged");
  }),
);

import { expect, test } from "@jest/globals";
import { type FetchKey, lookUpKey } from "../../../legacy-gateway/openpgp/key-lookup.ts";
import { NOW, someKey } from "./some-keys.ts";

/** The example of draft-koch-openpgp-webkey-service section 3.1. */
const ADVANCED =
  "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe";
const DIRECT = "https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe";
const KEYSERVER = "https://keys.openpgp.org/vks/v1/by-email/joe.doe%40example.org";

function answering(answers: Record<string, Uint8Array | "nowhere" | Error>): { fetch: FetchKey; asked: string[] } {
  const asked: string[] = [];
  const fetch: FetchKey = async (url) => {
    asked.push(url);
    const answer = answers[url];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { fetch, asked };
}

test("the provider's directory is asked as the draft says, the direct way only where the other host is not there", async () => {
  const joe = await someKey("joe.doe@example.org");
  const advanced = answering({ [ADVANCED]: joe.toPublic().write() });
  const found = await lookUpKey("Joe.Doe@Example.ORG", ["wkd"], advanced.fetch, NOW);
  expect([found?.origin, found?.key.getFingerprint()]).toEqual(["wkd", joe.getFingerprint()]);
  expect(advanced.asked).toEqual([ADVANCED]);
  const direct = answering({ [ADVANCED]: "nowhere", [DIRECT]: joe.toPublic().write() });
  expect((await lookUpKey("Joe.Doe@Example.ORG", ["wkd"], direct.fetch, NOW))?.origin).toBe("wkd");
  expect(direct.asked).toEqual([ADVANCED, DIRECT]);
  const missing = answering({ [DIRECT]: joe.toPublic().write() });
  expect(await lookUpKey("Joe.Doe@Example.ORG", ["wkd"], missing.fetch, NOW)).toBeUndefined();
  expect(missing.asked).toEqual([ADVANCED]);
});

test("a key that does not name the address is nobody's; a place that fails does not keep from the next", async () => {
  const [joe, eve] = [await someKey("joe.doe@example.org"), await someKey("eve@example.org")];
  const wrong = answering({ [ADVANCED]: eve.toPublic().write(), [KEYSERVER]: Buffer.from(joe.toPublic().armor()) });
  expect((await lookUpKey("Joe.Doe@example.org", ["wkd", "keyserver"], wrong.fetch, NOW))?.origin).toBe("keyserver");
  const failing = answering({ [ADVANCED]: new Error("reset"), [KEYSERVER]: Buffer.from("no key") });
  expect(await lookUpKey("Joe.Doe@example.org", ["wkd", "keyserver"], failing.fetch, NOW)).toBeUndefined();
  expect(failing.asked).toEqual([ADVANCED, KEYSERVER]);
});

test("nobody is asked where it is not allowed", async () => {
  const nobody = answering({});
  expect(await lookUpKey("joe.doe@example.org", [], nobody.fetch, NOW)).toBeUndefined();
  expect(nobody.asked).toEqual([]);
});

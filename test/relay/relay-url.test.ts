import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Failure } from "../../foundation/failure.ts";
import { formatRelayUrl, parseRelayUrl, withoutToken } from "../../relay/relay-url.ts";

test.each([
  { host: "127.0.0.1", port: 4433 },
  { host: "::1", port: 1 },
  { host: "relay.example.org", port: 65_535 },
])("an address at $host port $port survives being written and read, with and without its token", (where) => {
  const full = { ...where, pin: randomBytes(32), token: randomBytes(32) };
  expect(parseRelayUrl(formatRelayUrl(full))).toEqual(full);
  expect(parseRelayUrl(`  ${formatRelayUrl(withoutToken(full))}\n`)).toEqual(withoutToken(full));
});

test("whatever text is given, it is an address or a Failure that names the mistake without repeating the text", () => {
  const good = formatRelayUrl({ host: "h", port: 9, pin: randomBytes(32), token: randomBytes(32) });
  const changed = fc
    .tuple(fc.nat(good.length), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(([at, drop, text]) => good.slice(0, at) + text + good.slice(at + drop));
  fc.assert(
    fc.property(fc.oneof(fc.string(), changed), (text) => {
      try {
        parseRelayUrl(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        expect((error as Failure).code).toBe("invalid");
        expect((error as Failure).message).not.toContain(good.slice(20, 40));
      }
    }),
  );
});

test.each([
  ["a pin that lost a character", (url: string) => url.slice(0, -1)],
  ["a port of 0", (url: string) => url.replace(":443/", ":0/")],
  ["a port above 65535", (url: string) => url.replace(":443/", ":65536/")],
  ["another scheme", (url: string) => url.replace("postern-relay", "https")],
  ["a token of padding", (url: string) => url.replace("//", "//====@")],
])("%s is refused", (_what, spoil) => {
  const url = formatRelayUrl({ host: "example.org", port: 443, pin: randomBytes(32) });
  expect(() => parseRelayUrl(spoil(url))).toThrow(Failure);
});

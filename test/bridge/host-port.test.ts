import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatHostPort, parseHostPort } from "../../bridge/host-port.ts";

test("what is formatted is parsed back", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant("localhost"));
  fc.assert(
    fc.property(host, fc.nat(65_535), (name, port) => {
      expect(parseHostPort(formatHostPort({ host: name, port }))).toEqual({ host: name, port });
    }),
  );
});

test("white space around it does not count", () => {
  expect(parseHostPort(" 127.0.0.1:0\n")).toEqual({ host: "127.0.0.1", port: 0 });
});

test.each([
  "",
  "4143",
  ":4143",
  "host",
  "host:",
  "host:-1",
  "host:65536",
  "host:123456",
  "::1:4143",
  "[::1]",
  "[x]:1",
  "a b:1",
  "h:1:2",
])("%j is refused with an example", (text) => {
  expect(() => parseHostPort(text)).toThrow(
    expect.objectContaining({ code: "invalid", message: expect.stringContaining("127.0.0.1:4143") }),
  );
});

import { expect, test } from "@jest/globals";
import { isLoopback } from "../../foundation/loopback.ts";

test.each([
  ["127.0.0.1", true],
  ["127.255.1.2", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["192.168.1.1", false],
  ["128.0.0.1", false],
  ["127.evil.example", false],
  ["127.0.0.1.example.org", false],
  ["localhost.example.org", false],
])("%s is reachable from this machine alone: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

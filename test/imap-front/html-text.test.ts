import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { htmlText } from "../../imap-front/html-text.ts";

test("any text is read as HTML without an error, and grows by its tags' blanks at most", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(htmlText(text).length).toBeLessThanOrEqual(2 * text.length);
    }),
  );
});

test("HTML that closes nothing takes no longer than other HTML", () => {
  const begin = performance.now();
  for (const piece of ["<style>", "<!--", "<", "&#1", "<script ", "</"]) htmlText(piece.repeat(200_000 / piece.length));
  expect(performance.now() - begin).toBeLessThan(2_000);
});

test("entities that name no character become blanks", () => {
  expect(htmlText("a&#xD800;b&#0;c&#x110000;d&odd;e&NBSP;f")).toBe("a b c d&odd;e f");
});

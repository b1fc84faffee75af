import { expect, test } from "@jest/globals";
import { append, box, inHome, mail } from "./home.ts";

test(
  "header fields are searched decoded and without regard to case, in the fields of that name alone",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await append(inbox, mail("=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?="));
    await append(inbox, mail("plain", "Köln", "X-Place: koeln\r\n"));
    const all = [1, 2];
    expect(await inbox.searchText({ header: "Subject" }, "KÖLN", all)).toEqual(new Set([1]));
    expect(await inbox.searchText({ header: "subject" }, "ko\u0308ln", all)).toEqual(new Set([1]));
    expect(await inbox.searchText({ header: "X-Place" }, "", all)).toEqual(new Set([2]));
    expect(await inbox.searchText({ header: "X-Nothing" }, "", all)).toEqual(new Set());
    expect(await inbox.searchText({ header: "To" }, "BOB@", [2, 7])).toEqual(new Set([2]));
  }),
);

test(
  "bodies are searched after transfer and charset decoding, across any piece's end",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    const type = (encoding: string) =>
      `MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n`;
    const base64 = Buffer.from(`${"x".repeat(65_530)}Straußenfeder`)
      .toString("base64")
      .replace(/(.{76})/g, "$1\r\n");
    await append(inbox, mail("a", base64, type("base64")));
    await append(inbox, mail("b", "Strau=C3=9Fen=\r\nfeder", type("quoted-printable")));
    await append(inbox, mail("Straußenfeder", "nothing"));
    await append(inbox, mail("d", base64, "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"));
    const all = [1, 2, 3, 4];
    expect(await inbox.searchText("body", "STRAUßenFeder", all)).toEqual(new Set([1, 2]));
    expect(await inbox.searchText("text", "example.org", all)).toEqual(new Set(all));
    expect(await inbox.searchText("body", "example.org", all)).toEqual(new Set());
    expect(await inbox.searchText("body", "", all)).toEqual(new Set(all));
  }),
);

test(
  "a search gives others their turn and ends when it is aborted",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    for (let message = 0; message < 5; message++)
      await append(inbox, mail("a", `${"word ".repeat(10)}\r\n`.repeat(4_000)));
    const uids = Array.from({ length: 40 }, () => [1, 2, 3, 4, 5]).flat();
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const controller = new AbortController();
    const searching = inbox.searchText("body", "not there", [1, 2, 3, 4, 5], controller.signal);
    await searching;
    expect(turns).toBeGreaterThan(0);
    clearInterval(count);
    const aborted = inbox.searchText("body", "not there", uids, controller.signal);
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
  }),
);

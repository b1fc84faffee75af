import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type PlanOptions, planFolders, type RemoteFolder } from "../../../../maildir/import/account/folder-plan.ts";
import { checkName } from "../../../../maildir/mailbox-name.ts";

const OPTIONS: PlanOptions = { only: [], into: undefined, prefix: "", specialUse: (use) => use.slice(1) };

function folder(path: string, specialUse?: string, delimiter: string | undefined = "/"): RemoteFolder {
  return { path, delimiter, specialUse, subscribed: false, messages: 0 };
}

function targets(folders: RemoteFolder[], options: Partial<PlanOptions> = {}): string[] {
  return planFolders(folders, { ...OPTIONS, ...options }).map(({ target }) => target);
}

test("special uses become ours, with what is below them", () => {
  const folders = [
    folder("Papierkorb", "\\Trash"),
    folder("Papierkorb/Alt"),
    folder("inbox", "\\Inbox"),
    folder("A/B"),
  ];
  expect(targets(folders)).toEqual(["Trash", "Trash/Alt", "INBOX", "A/B"]);
});

test("another delimiter becomes ours, and ours within a level does not make another level", () => {
  expect(targets([folder("A.B/C.D", undefined, ".")])).toEqual(["A/B_C/D"]);
  expect(targets([{ ...folder("A/B"), delimiter: undefined }])).toEqual(["A_B"]);
});

test("below another folder names stay as they are", () => {
  const folders = [folder("INBOX", "\\Inbox"), folder("Gesendet", "\\Sent")];
  expect(targets(folders, { into: "Old/Ann" })).toEqual(["Old/Ann/INBOX", "Old/Ann/Gesendet"]);
});

test("a prefix goes, and INBOX stays", () => {
  const folders = [
    folder("INBOX", "\\Inbox", "."),
    folder("INBOX.Sent", "\\Sent", "."),
    folder("INBOX.A.B", undefined, "."),
  ];
  expect(targets(folders, { prefix: "INBOX." })).toEqual(["INBOX", "Sent", "A/B"]);
});

test("views are left out, all mail comes last", () => {
  const folders = [folder("All", "\\All"), folder("Starred", "\\Flagged"), folder("Imp", "\\Important"), folder("B")];
  expect(targets(folders)).toEqual(["B", "Archive"]);
  expect(targets(folders, { only: ["Starred"] })).toEqual(["Starred"]);
});

test("every name that a server can think of becomes one that a mailbox may have", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 400 }), fc.constant("inbox")), {
        minLength: 1,
        maxLength: 9,
      }),
      fc.constantFrom("/", ".", "\\"),
      (levels, delimiter) => {
        for (const target of targets([folder(levels.join(delimiter), undefined, delimiter)]))
          expect(() => checkName(target)).not.toThrow();
      },
    ),
  );
});

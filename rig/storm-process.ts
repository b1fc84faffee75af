/**
 * `node storm-process.js HOME MARKS SEED CHANGES`: a storm in a process of its own, which somebody may kill. Each mark is
 * a dot on standard output too.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { storm } from "./mail-storm.ts";
import { openStormHome } from "./storm-home.ts";

const [home = "", marksPath = "", seed = "", changes = "0"] = process.argv.slice(2);
const marks = openSync(marksPath, "a", 0o600);
const opened = await openStormHome(home);
await storm({
  maildir: opened.maildir,
  db: opened.db,
  seed,
  changes: Number(changes),
  mark(mark) {
    writeSync(marks, `${JSON.stringify(mark)}\n`);
    process.stdout.write(".");
  },
});
await opened.close();
closeSync(marks);

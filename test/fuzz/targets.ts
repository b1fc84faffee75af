import type { Target } from "./target.ts";
import { age } from "./targets/age.ts";
import { commands } from "./targets/commands.ts";
import { config } from "./targets/config.ts";
import { decoders } from "./targets/decoders.ts";
import { importers } from "./targets/importers.ts";
import { mime } from "./targets/mime.ts";
import { overlay } from "./targets/overlay.ts";
import { session } from "./targets/session.ts";
import { tokenizer } from "./targets/tokenizer.ts";

export const targets: readonly Target[] = [
  tokenizer,
  commands,
  session,
  mime,
  decoders,
  age,
  importers,
  config,
  overlay,
];

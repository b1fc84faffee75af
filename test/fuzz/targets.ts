import type { Target } from "./target.ts";
import { age } from "./targets/age.ts";
import { carry } from "./targets/carry.ts";
import { commands } from "./targets/commands.ts";
import { config } from "./targets/config.ts";
import { decoders } from "./targets/decoders.ts";
import { importers } from "./targets/importers.ts";
import { incoming } from "./targets/incoming.ts";
import { mime } from "./targets/mime.ts";
import { overlayContacts } from "./targets/overlay-contacts.ts";
import { overlayLetters } from "./targets/overlay-letters.ts";
import { relayWire } from "./targets/relay-wire.ts";
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
  relayWire,
  overlayLetters,
  overlayContacts,
  carry,
  incoming,
];

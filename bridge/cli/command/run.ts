import type { Command } from "commander";
import { startBridge } from "../../compose.ts";
import { readConfig } from "../../config.ts";
import { formatHostPort } from "../../host-port.ts";
import { applySettings } from "../../settings.ts";
import { growHeapFreely } from "../heap-growth.ts";
import { createStderrLogger } from "../log.ts";
import { untilStopped } from "../until-stopped.ts";
import { addCommand, type Invocation, type SettingOptions, settingOptions } from "./options.ts";

/** Serves until a signal stops it; `onReady` runs once both fronts accept connections. */
export async function runBridge(
  { paths, output }: Invocation,
  options: SettingOptions,
  onReady?: (bridge: Awaited<ReturnType<typeof startBridge>>) => Promise<void>,
): Promise<void> {
  const config = applySettings(await readConfig(paths.home), options);
  const bridge = await startBridge({ paths, config, logger: createStderrLogger(config.logLevel, output.json) });
  growHeapFreely();
  try {
    // Whoever reads that it is ready may stop it in the same moment.
    const stopped = untilStopped();
    output.result(
      { event: "ready", imap: bridge.imap, smtp: bridge.smtp, vault: bridge.isOpen() ? "open" : "locked" },
      `Ready: IMAP ${formatHostPort(bridge.imap)}, SMTP ${formatHostPort(bridge.smtp)}.${
        bridge.isOpen() ? "" : " The vault is locked until a mail program logs in."
      }`,
    );
    await onReady?.(bridge);
    await stopped;
  } finally {
    await bridge.stop();
  }
}

export function addRunCommand(program: Command): void {
  addCommand<SettingOptions>(
    program,
    "run",
    "Serve IMAP and SMTP in the foreground until SIGINT or SIGTERM.",
    ["postern run", "postern run --home ~/mail --passphrase-file ~/.secret --json"],
    settingOptions,
    (invocation, options) => runBridge(invocation, options),
  );
}

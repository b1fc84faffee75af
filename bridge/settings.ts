import { resolve } from "node:path";
import { Failure } from "../foundation/failure.ts";
import { parseRelayUrl } from "../relay/relay-url.ts";
import { type Config, checkConfig } from "./config.ts";
import { parseHostPort } from "./host-port.ts";

/** Lays what the command line said over what config.toml says. @throws Failure invalid */
export function applySettings(
  config: Config,
  options: { imap?: string; smtp?: string; relay?: string; passphraseFile?: string },
): Config {
  const option = <T>(name: string, text: string | undefined, parse: (text: string) => T): T | undefined => {
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof Failure) throw new Failure(error.code, `${name}: ${error.message}`);
      throw error;
    }
  };
  const imap = option("--imap", options.imap, parseHostPort);
  const smtp = option("--smtp", options.smtp, parseHostPort);
  option("--relay", options.relay, parseRelayUrl);
  return checkConfig({
    ...config,
    ...(imap && { imap }),
    ...(smtp && { smtp }),
    ...(options.relay !== undefined && { relayUrl: options.relay }),
    ...(options.passphraseFile !== undefined && { passphraseFile: resolve(options.passphraseFile) }),
  });
}

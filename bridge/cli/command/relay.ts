import { dirname, join } from "node:path";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { startRelay } from "../../../relay/relay.ts";
import { exists } from "../../home.ts";
import { parseHostPort } from "../../host-port.ts";
import { createStderrLogger } from "../log.ts";
import { untilStopped } from "../until-stopped.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addRelayCommand(program: Command): void {
  addCommand<CommonOptions & { listen: string; advertise?: string }>(
    program,
    "relay",
    "Run a relay of its own until SIGINT or SIGTERM. Bridges that get its URL can keep their queues there.",
    [
      "postern relay --listen 0.0.0.0:4523 --advertise relay.example.org",
      "postern relay --home /var/lib/postern-relay --listen 127.0.0.1:0",
    ],
    (command) =>
      command
        .option("--listen <host:port>", "where bridges connect; port 0: any free one", "127.0.0.1:4523")
        .option("--advertise <host>", "how bridges reach it, if that is not the address it listens on"),
    async ({ environment, output }, options) => {
      const { host, port } = parseHostPort(options.listen);
      const directory =
        options.home === undefined ? join(dirname(environment.home), "postern-relay") : environment.home;
      if (await exists(join(directory, "vault.json")))
        throw new Failure("invalid", `${directory} is a bridge's home: give the relay another --home`);
      const logger = createStderrLogger("info", output.json);
      const publicHost = options.advertise === undefined ? {} : { publicHost: options.advertise };
      const relay = await startRelay({ directory, host, port, logger, ...publicHost });
      try {
        const stopped = untilStopped();
        process.stdout.write(`${JSON.stringify({ event: "ready", url: relay.url })}\n`);
        output.note("Give this URL only to those who may keep their queues here.");
        await stopped;
      } finally {
        await relay.stop();
      }
    },
  );
}

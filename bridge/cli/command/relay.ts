import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import type { ForwardPolicy } from "../../../relay/forwarder.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits.ts";
import { serveMetrics } from "../../../relay/metrics.ts";
import { startRelay } from "../../../relay/relay.ts";
import { formatSystemdUnit } from "../../../relay/systemd-unit.ts";
import { saveAddress } from "../../../relay/token-desk.ts";
import { exists } from "../../home.ts";
import { type HostPort, isLoopback, parseHostPort } from "../../host-port.ts";
import { createStderrLogger } from "../log.ts";
import { untilStopped } from "../until-stopped.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { relayDirectory } from "./relay-directory.ts";
import { addRelayTokenCommands } from "./relay-token.ts";

interface RelayCommandOptions extends CommonOptions {
  readonly listen: string;
  readonly advertise?: string;
  readonly metrics?: string;
  readonly forward: ForwardPolicy;
  readonly systemdUnit?: boolean;
}

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

export function addRelayCommand(program: Command): void {
  const relay = addCommand<RelayCommandOptions>(
    program,
    "relay",
    "Run a relay of its own until SIGINT or SIGTERM. Bridges that get its URL can keep their queues there.",
    [
      "postern relay --listen 0.0.0.0:4523 --advertise relay.example.org",
      "postern relay --home /var/lib/postern-relay --listen 127.0.0.1:0 --metrics 127.0.0.1:9523",
      "postern relay --listen 0.0.0.0:4523 --systemd-unit",
    ],
    (command) =>
      command
        .option("--listen <host:port>", "where bridges connect; port 0: any free one", "127.0.0.1:4523")
        .option("--advertise <host>", "how bridges reach it, if that is not the address it listens on")
        .option("--metrics <host:port>", "serve counts for Prometheus there, at /metrics; on loopback alone")
        .addOption(
          new Option("--forward <where>", "lead strangers to other relays, so that those do not see their addresses")
            .choices(["public", "none", "any"])
            .default("public", "public: to relays on the public internet; any: in private networks, too"),
        )
        .option("--systemd-unit", "print a systemd service that runs the relay so, and do nothing else"),
    async ({ environment, output }, options) => {
      const { host, port } = parseHostPort(options.listen);
      const metricsAt = options.metrics === undefined ? undefined : metricsAddress(options.metrics);
      if (options.systemdUnit) {
        const unit = formatSystemdUnit({ ...unitOptions(options), node: process.execPath, main: MAIN });
        return output.result({ unit }, unit);
      }
      const directory = relayDirectory(environment, options);
      if (await exists(join(directory, "vault.json")))
        throw new Failure("invalid", `${directory} is a bridge's home: give the relay another --home`);
      const logger = createStderrLogger("info", output.json);
      const publicHost = options.advertise === undefined ? {} : { publicHost: options.advertise };
      const relay = await startRelay({ directory, host, port, logger, forward: options.forward, ...publicHost });
      try {
        await saveAddress(directory, relay.address);
        const metrics = metricsAt === undefined ? undefined : await serveMetrics(relay, metricsAt.host, metricsAt.port);
        const stopped = untilStopped();
        const told = metrics === undefined ? {} : { metrics: metrics.port };
        process.stdout.write(`${JSON.stringify({ event: "ready", url: relay.url, ...told })}\n`);
        output.note("Give this URL only to those who may keep their queues here.");
        await stopped;
        await metrics?.stop();
      } finally {
        await relay.stop();
      }
    },
  );
  addRelayTokenCommands(relay);
}

function unitOptions({ listen, advertise, metrics, forward }: RelayCommandOptions) {
  const connections = DEFAULT_LIMITS.connections + DEFAULT_LIMITS.forwards;
  return { listen, advertise, metrics, forward, connections };
}

function metricsAddress(text: string): HostPort {
  const address = parseHostPort(text);
  if (isLoopback(address.host)) return address;
  throw new Failure(
    "invalid",
    "metrics have no login, so --metrics takes an address of this machine alone, 127.0.0.1:9523 for instance",
  );
}

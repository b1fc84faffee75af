import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { isLoopback } from "../../../foundation/loopback.ts";
import type { ForwardPolicy } from "../../../relay/forwarder.ts";
import { DEFAULT_LIMITS, type RelayLimits } from "../../../relay/limits.ts";
import { serveMetrics } from "../../../relay/metrics.ts";
import { startRelay } from "../../../relay/relay.ts";
import { formatSystemdUnit } from "../../../relay/systemd-unit.ts";
import { saveAddress } from "../../../relay/token-desk.ts";
import { exists } from "../../home/home.ts";
import { type HostPort, parseHostPort } from "../../host-port.ts";
import { parseOctetSize } from "../../octet-size.ts";
import { growHeapFreely } from "../heap-growth.ts";
import { createStderrLogger } from "../log.ts";
import { untilStopped } from "../until-stopped.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { relayDirectory } from "./relay-directory.ts";
import { addRelayTokenCommands } from "./relay-token.ts";
import { wholeNumber } from "./whole-number.ts";

interface RelayCommandOptions extends CommonOptions {
  readonly listen: string;
  readonly advertise?: string;
  readonly metrics?: string;
  readonly forward: ForwardPolicy;
  readonly systemdUnit?: boolean;
  readonly space?: string;
  readonly queues?: string;
  readonly connections?: string;
  readonly perHour?: string;
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
        .option("--space <size>", "what all unread cells together may take on the disk (default: 16 GiB)")
        .option("--queues <number>", "queues in all (default: 100000)")
        .option("--connections <number>", "connections at a time (default: 4096)")
        .option(
          "--per-hour <number>",
          "queues and invites made in an hour with a token that says nothing of it (default: 1000)",
        )
        .option("--systemd-unit", "print a systemd service that runs the relay so, and do nothing else"),
    async ({ environment, output }, options) => {
      const { host, port } = parseHostPort(options.listen);
      const metricsAt = options.metrics === undefined ? undefined : metricsAddress(options.metrics);
      const limits = limitsOf(options);
      if (options.systemdUnit) {
        const { listen, advertise, metrics, space, queues, connections, perHour } = options;
        const forward = options.forward === "public" ? undefined : options.forward;
        const unit = formatSystemdUnit({
          node: process.execPath,
          main: MAIN,
          options: { listen, advertise, metrics, space, queues, connections, "per-hour": perHour, forward },
          connections: (limits.connections ?? DEFAULT_LIMITS.connections) + DEFAULT_LIMITS.forwards,
        });
        return output.result({ unit }, unit);
      }
      const directory = relayDirectory(environment, options);
      if (await exists(join(directory, "vault.json")))
        throw new Failure("invalid", `${directory} is a bridge's home: give the relay another --home`);
      const logger = createStderrLogger("info", output.json);
      const publicHost = options.advertise === undefined ? {} : { publicHost: options.advertise };
      const relay = await startRelay({
        directory,
        host,
        port,
        logger,
        limits,
        forward: options.forward,
        ...publicHost,
      });
      try {
        await saveAddress(directory, relay.address);
        const metrics = metricsAt === undefined ? undefined : await serveMetrics(relay, metricsAt.host, metricsAt.port);
        growHeapFreely();
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

function limitsOf({ space, queues, connections, perHour }: RelayCommandOptions): Partial<RelayLimits> {
  return {
    ...(space !== undefined && { octets: parseOctetSize(space) }),
    ...(queues !== undefined && { queues: wholeNumber("--queues", queues) }),
    ...(connections !== undefined && { connections: wholeNumber("--connections", connections) }),
    ...(perHour !== undefined && { creationsPerHour: wholeNumber("--per-hour", perHour) }),
  };
}

function metricsAddress(text: string): HostPort {
  const address = parseHostPort(text);
  if (isLoopback(address.host)) return address;
  throw new Failure(
    "invalid",
    "metrics have no login, so --metrics takes an address of this machine alone, 127.0.0.1:9523 for instance",
  );
}

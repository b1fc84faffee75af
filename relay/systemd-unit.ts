export interface UnitOptions {
  /** Absolute path of the Node program. */
  readonly node: string;
  /** Absolute path of this program's main file. */
  readonly main: string;
  /** Of the command, by their names. */
  readonly options: Readonly<Record<string, string | undefined>> & { readonly listen: string };
  /** Open files beside the connections'. */
  readonly connections: number;
}

const SPARE_FILES = 256;

/**
 * A systemd service (systemd.exec(5)) that runs a relay as a user of its own, which owns `/var/lib/postern-relay` and may
 * write nowhere else. Node compiles at run time, so MemoryDenyWriteExecute is not among what it is denied.
 */
export function formatSystemdUnit({ node, main, options, connections }: UnitOptions): string {
  const set = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  const command = [node, main, "relay", "--home", "/var/lib/postern-relay", ...set];
  const { listen } = options;
  // A program that lies in somebody's home must be seen from there.
  const home = [node, main].some((path) => /^\/(home|root)\//.test(path)) ? "read-only" : "yes";
  const privileged = Number(listen.slice(listen.lastIndexOf(":") + 1)) < 1024;
  return `[Unit]
Description=Postern relay
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${command.map(quoted).join(" ")}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
DynamicUser=yes
StateDirectory=postern-relay
StateDirectoryMode=0700
UMask=0077
LimitNOFILE=${connections + SPARE_FILES}
LimitCORE=0
MemoryMax=75%
AmbientCapabilities=${privileged ? "CAP_NET_BIND_SERVICE" : ""}
CapabilityBoundingSet=${privileged ? "CAP_NET_BIND_SERVICE" : ""}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=${home}
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=${privileged ? "no" : "yes"}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** One word of a command line, with systemd's own specifiers and quotes taken as they are (systemd.service(5)). */
function quoted(word: string): string {
  const escaped = word.replace(/[%$]/g, "$&$&").replace(/[\\"]/g, "\\$&");
  return /[\s"'\\;]/.test(word) ? `"${escaped}"` : escaped;
}

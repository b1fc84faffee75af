/** What the system says of a process: memory and processor time. Linux only. */
import { readFileSync } from "node:fs";

function memory(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024;
}

/** Resident memory, in MB. */
export function residentMemory(pid: number): number {
  return memory(pid, "VmRSS");
}

/** The most memory that the process ever had, in MB. */
export function peakMemory(pid: number): number {
  return memory(pid, "VmHWM");
}

/** Processor time of all its threads so far, in milliseconds (proc_pid_stat(5): utime and stime, in hundredths of a second). */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

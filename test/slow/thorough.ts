/** How often something is killed: all the times where THOROUGH=1, a quarter of them in CI, which has 45 minutes for everything. */
export function times(all: number): number {
  return process.env["THOROUGH"] === "1" ? all : Math.ceil(all / 4);
}

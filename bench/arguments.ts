import { parseArgs } from "node:util";

type Option =
  | { readonly type: "string"; readonly default: string }
  | { readonly type: "boolean"; readonly default: false };

type Values<Options extends Readonly<Record<string, Option>>> = {
  readonly [Name in keyof Options]: Options[Name]["type"] extends "string" ? string : boolean;
};

/** The options of a benchmark's command line; `--help` is answered, wrong ones are explained, and both end the program. */
export function readArguments<const Options extends Readonly<Record<string, Option>>>(
  help: string,
  options: Options,
): Values<Options> {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean", default: false } } });
    const { help: asked, ...rest } = values as Readonly<Record<string, string | boolean | undefined>>;
    if (asked !== true) return rest as unknown as Values<Options>;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : "wrong arguments"}\n\n${help}`);
    process.exit(2);
  }
  console.log(help);
  process.exit(0);
}

/** Ends the program where the option's text is no whole number within the bounds. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  console.error(`--${option} takes a whole number from ${least} to ${most}, not "${text}"`);
  process.exit(2);
}

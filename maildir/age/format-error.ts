/** The bytes are no age v1 file, or were changed: `stage` tells how far reading came. */
export class AgeFormatError extends Error {
  override name = "AgeFormatError";
  readonly stage: "header" | "mac" | "payload";

  constructor(stage: "header" | "mac" | "payload", message: string) {
    super(message);
    this.stage = stage;
  }
}

import { isAbsolute } from "node:path";
import { Failure } from "../../foundation/failure.ts";
import type { OpenedHome } from "../home/opened-home.ts";
import type { VaultGate } from "../home/vault-gate.ts";
import type { Operations } from "./operations.ts";

/** How long an export waits for letters that are just being sealed; milliseconds. */
const SEALING_PATIENCE = 10_000;

type CarryOperations = Pick<Operations, "carryContact" | "carryExport" | "carryImport">;

/** What `postern carry` does: letters that travel in a folder. */
export function carryOperations(gate: VaultGate<OpenedHome>): CarryOperations {
  return {
    async carryContact({ name, byHand }) {
      const { overlay, contacts } = gate.require();
      const contact = contacts.byPetname(name);
      if (contact === undefined)
        throw new Failure("nonexistent", `there is no contact "${name}"; \`postern contacts\` names them`);
      overlay.carrying.setByHand(contact.label, byHand);
      return { name: contact.petname, byHand };
    },

    async carryExport({ directory }) {
      const home = gate.require();
      await sealed(home);
      return await home.overlay.carrying.export(absolute(directory));
    },

    async carryImport({ directory }) {
      return await gate.require().overlay.carrying.import(absolute(directory));
    },
  };
}

/** What was submitted a moment ago is on its way from the outbox to what is carried; a bounded wait. */
async function sealed({ overlay }: OpenedHome): Promise<void> {
  const byHand = new Set(overlay.carrying.contacts());
  const end = Date.now() + SEALING_PATIENCE;
  const underWay = () =>
    overlay
      .status()
      .deliveries.some(({ to, state }) => byHand.has(to) && (state === "waiting" || state === "encrypted"));
  while (underWay() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
}

function absolute(directory: string): string {
  if (!isAbsolute(directory)) throw new Failure("invalid", "the folder's whole path is needed");
  return directory;
}

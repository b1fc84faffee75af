import Pdf from "pdfkit";
import { encode } from "uqr";
import { qrPicture } from "../qr-picture.ts";

/** What stands on the sheet of paper. */
export interface PaperSheet {
  readonly words: string;
  readonly address: string;
  /** `AGE-SECRET-KEY-1...` */
  readonly recoveryIdentity: string;
  /** `postern-relay://...`, where the recovery record lies. */
  readonly relays: readonly string[];
}

const MARGIN = 56;
/** Points of the QR code's side, some 6 cm. */
const QR_SIDE = 170;

/** One A4 page: the words, the QR code, and what they are for. */
export async function paperSheetPdf({ words, address, recoveryIdentity, relays }: PaperSheet): Promise<Buffer> {
  const document = new Pdf({ size: "A4", margin: MARGIN, info: { Title: "Postern paper key" } });
  const pieces: Buffer[] = [];
  document.on("data", (piece: Buffer) => pieces.push(piece));
  const ended = new Promise<void>((resolve, reject) => {
    document.on("end", resolve);
    document.on("error", reject);
  });
  document.font("Helvetica-Bold").fontSize(20).text("Postern paper key");
  document.moveDown(0.5).font("Helvetica").fontSize(10);
  document.text("Keep this sheet where you keep a passport, and show it to nobody: whoever has it is you.");
  document.text("It recovers the identity, revokes lost devices, and opens every stored letter.");
  document.moveDown().font("Helvetica-Bold").text("Identity").font("Courier").text(address);
  document.moveDown().font("Helvetica-Bold").text("The 24 words, in this order");
  const top = document.y + 8;
  document.font("Courier").fontSize(13);
  for (const [index, word] of words.split(" ").entries()) {
    const [column, row] = [Math.floor(index / 8), index % 8];
    document.text(`${String(index + 1).padStart(2)} ${word}`, MARGIN + column * 160, top + row * 20, {
      lineBreak: false,
    });
  }
  const below = top + 8 * 20 + 12;
  drawQr(document, words, MARGIN, below);
  document.font("Helvetica").fontSize(10);
  document.text("The same words, for a camera.", MARGIN + QR_SIDE + 16, below + QR_SIDE / 2);
  document.text("The same key as the age tool takes it (age -d -i FILE letter):", MARGIN, below + QR_SIDE + 16);
  document.font("Courier").fontSize(9).text(recoveryIdentity);
  document.moveDown().font("Helvetica").fontSize(10);
  document.text("On a new machine: postern recover --relay RELAY, with a relay that holds the recovery record:");
  document.font("Courier").fontSize(9);
  for (const relay of relays) document.text(relay);
  document.end();
  await ended;
  return Buffer.concat(pieces);
}

/** The words' QR code as a PNG picture. */
export function paperSheetPng({ words }: Pick<PaperSheet, "words">): Buffer {
  return qrPicture(words, "M");
}

function drawQr(document: PDFKit.PDFDocument, text: string, x: number, y: number): void {
  const { data, size } = encode(text, { ecc: "M", border: 0 });
  const module = QR_SIDE / size;
  for (const [row, modules] of data.entries())
    for (const [column, dark] of modules.entries())
      if (dark) document.rect(x + column * module, y + row * module, module, module);
  document.fill("black");
}

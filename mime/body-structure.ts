import type { Part } from "./part.ts";
import { formatNString, formatString } from "./wire-string.ts";

/**
 * BODYSTRUCTURE (extensible) or BODY of RFC 9051 section 7.5.2 in wire form, one octet per character. A multipart
 * without parts shows its body as one text/plain part, which BODY[1] then is; a message that was not looked into (it is
 * transfer-encoded, or too deep) is shown as application/octet-stream, since clients rely on an envelope otherwise.
 */
export function formatBodyStructure(root: Part, extensible: boolean): string {
  return root.type === "multipart" ? formatMultipart(root, extensible) : formatSingle(root, extensible);
}

function formatMultipart(part: Part, extensible: boolean): string {
  const children = part.children?.map((child) => formatBodyStructure(child, extensible)) ?? [formatPretended(part)];
  const extension = extensible ? ` ${formatParameters(part.parameters)} ${formatExtension(part)}` : "";
  return `(${children.join("")} ${formatString(part.subtype)}${extension})`;
}

function formatPretended(part: Part): string {
  return `("text" "plain" NIL NIL NIL "7bit" ${part.bodyEnd - part.bodyStart} ${part.lines})`;
}

function formatSingle(part: Part, extensible: boolean): string {
  const opaque = part.type === "message" && isWholeMessage(part.subtype) && part.message === undefined;
  const [type, subtype] = opaque ? ["application", "octet-stream"] : [part.type, part.subtype];
  const fields = [
    formatString(type),
    formatString(subtype),
    formatParameters(part.parameters),
    formatNString(part.id),
    formatNString(part.description),
    formatString(part.encoding),
    String(part.bodyEnd - part.bodyStart),
  ];
  if (part.message !== undefined) {
    fields.push(part.message.envelope ?? "NIL", formatBodyStructure(part.message, extensible), String(part.lines));
  } else if (part.type === "text") fields.push(String(part.lines));
  if (extensible) fields.push(formatNString(part.md5), formatExtension(part));
  return `(${fields.join(" ")})`;
}

function isWholeMessage(subtype: string): boolean {
  return subtype === "rfc822" || subtype === "global";
}

/** `body-fld-dsp SP body-fld-lang SP body-fld-loc` */
function formatExtension({ disposition, language, location }: Part): string {
  const kind =
    disposition === undefined
      ? "NIL"
      : `(${formatString(disposition.kind)} ${formatParameters(disposition.parameters)})`;
  const [only, ...more] = language ?? [];
  const tags = more.length === 0 ? formatNString(only) : `(${(language ?? []).map(formatString).join(" ")})`;
  return `${kind} ${tags} ${formatNString(location)}`;
}

function formatParameters(parameters: Part["parameters"]): string {
  if (parameters.length === 0) return "NIL";
  return `(${parameters.map(([name, value]) => `${formatString(name)} ${formatString(value)}`).join(" ")})`;
}

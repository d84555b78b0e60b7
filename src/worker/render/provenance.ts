import sharp from 'sharp';
import { PictureError } from '../../shared/media.ts';

/** What a file says of its own making. Shops and search engines read it; Google Merchant asks for it. */
export interface Provenance {
  /** The model's endpoint, as the plan has it. */
  readonly model: string;
  /** When the original came, ms since 1970. A constant of the original, so that the same file is made again. */
  readonly madeAtMs: number;
}

/** IPTC's term for media made by a generative model (cv.iptc.org, NewsCodes "Digital Source Type"). */
export const DIGITAL_SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';

/** The packet's fixed id is XMP's own (ISO 16684-1, 7.3.2). `AISystemUsed` is IPTC Photo Metadata 2025.1. */
export function xmpOf({ model, madeAtMs }: Provenance): string {
  const made = new Date(madeAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
  return [
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '<rdf:Description rdf:about=""',
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
    ` Iptc4xmpExt:DigitalSourceType="${DIGITAL_SOURCE_TYPE}"`,
    ` Iptc4xmpExt:AISystemUsed="${escaped(model)}"`,
    ' xmp:CreatorTool="Shotlist"',
    ` xmp:CreateDate="${made}"/>`,
    '</rdf:RDF>',
    '</x:xmpmeta>',
    '<?xpacket end="r"?>',
  ].join('');
}

/**
 * Reads the label back from the bytes as they will be published: sharp drops metadata unless told, and an encoder may
 * leave out what its format has no place for. Throws a `PictureError` (`unlabelled`).
 */
export async function assertLabelled(bytes: Buffer, xmp: string, rendition: string): Promise<void> {
  const { xmp: found } = await sharp(bytes).metadata();
  if (found?.toString('utf8') === xmp) return;
  throw new PictureError(
    'unlabelled',
    `The rendition ${rendition} does not say that a model made it: the label was not found in the written file.`,
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

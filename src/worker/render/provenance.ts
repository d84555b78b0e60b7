import sharp from 'sharp';
import { PictureError } from '../../shared/pictures/formats.ts';
import type { Recipe, Rights } from '../../shared/pictures/recipes.ts';
import { readingOwn } from './loaders.ts';
import { writtenXmp } from './written-xmp.ts';

/** What a file says of its own making. Shops and search engines read it; Google Merchant asks for it. */
export interface Provenance {
  /** The model's endpoint, as the plan has it. */
  readonly model: string;
  /** When the original came, ms since 1970. A constant of the original, so that the same file is made again. */
  readonly madeAtMs: number;
}

/** IPTC's term for media made by a generative model (cv.iptc.org, NewsCodes "Digital Source Type"). */
export const DIGITAL_SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';

/** What the recipe has every file say; undefined where that is nothing. */
export function packetOf(
  { provenance, rights }: Pick<Recipe, 'provenance' | 'rights'>,
  made: Provenance,
): string | undefined {
  const label = provenance === 'label' ? made : undefined;
  return label === undefined && Object.keys(rights).length === 0 ? undefined : xmpOf(label, rights);
}

/**
 * An XMP packet. Its fixed id is XMP's own (ISO 16684-1,
 * 7.3.2); `AISystemUsed` is IPTC Photo Metadata 2025.1; the rights are the four fields that Google Images reads
 * (developers.google.com/search/docs/appearance/structured-data/image-license-metadata).
 */
export function xmpOf(provenance: Provenance | undefined, rights: Rights = {}): string {
  const { creator, credit, copyright, webStatement } = rights;
  const properties = [
    ...(provenance === undefined ? [] : madeBy(provenance)),
    ...(creator === undefined ? [] : [list('dc:creator', 'Seq', creator)]),
    ...(credit === undefined ? [] : [property('photoshop:Credit', credit)]),
    ...(copyright === undefined
      ? []
      : [list('dc:rights', 'Alt', copyright), property('xmpRights:Marked', 'True')]),
    ...(webStatement === undefined ? [] : [property('xmpRights:WebStatement', webStatement)]),
  ];
  return [
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '<rdf:Description rdf:about=""',
    ...Object.entries(NAMESPACES).map(([prefix, uri]) => ` xmlns:${prefix}="${uri}"`),
    '>',
    ...properties,
    '</rdf:Description>',
    '</rdf:RDF>',
    '</x:xmpmeta>',
    '<?xpacket end="r"?>',
  ].join('');
}

const NAMESPACES = {
  Iptc4xmpExt: 'http://iptc.org/std/Iptc4xmpExt/2008-02-29/',
  xmp: 'http://ns.adobe.com/xap/1.0/',
  dc: 'http://purl.org/dc/elements/1.1/',
  photoshop: 'http://ns.adobe.com/photoshop/1.0/',
  xmpRights: 'http://ns.adobe.com/xap/1.0/rights/',
};

function madeBy({ model, madeAtMs }: Provenance): string[] {
  return [
    property('Iptc4xmpExt:DigitalSourceType', DIGITAL_SOURCE_TYPE),
    property('Iptc4xmpExt:AISystemUsed', model),
    property('xmp:CreatorTool', 'Shotlist'),
    property('xmp:CreateDate', new Date(madeAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z')),
  ];
}

function property(name: string, text: string): string {
  return `<${name}>${escaped(text)}</${name}>`;
}

function list(name: string, kind: 'Seq' | 'Alt', text: string): string {
  const language = kind === 'Alt' ? ' xml:lang="x-default"' : '';
  return `<${name}><rdf:${kind}><rdf:li${language}>${escaped(text)}</rdf:li></rdf:${kind}></${name}>`;
}

/**
 * Reads the label back from the bytes as they will be published: sharp drops metadata unless told, and an encoder may
 * leave out what its format has no place for. Throws a `PictureError` (`unlabelled`).
 */
export async function assertLabelled(bytes: Buffer, xmp: string, rendition: string): Promise<void> {
  const written = writtenXmp(bytes);
  // To set up sharp for each file of each picture takes several times as long as to read two formats' few headers.
  const found =
    written === 'other'
      ? (await readingOwn('VipsForeignLoadHeif', () => sharp(bytes).metadata())).xmp
      : written;
  if (found?.toString('utf8') === xmp) return;
  throw new PictureError(
    'unlabelled',
    `The rendition ${rendition} does not say what it has to of its making and its owner: the label was not found in the written file.`,
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

import type { Rendition } from '../../shared/recipes.ts';

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** The size that the picture is brought to. */
  readonly scaled: Box;
  /** Whether the picture's edges are cut to reach the shape of `scaled`. */
  readonly crop: boolean;
  /** The size of the file where it is larger than the picture in it. */
  readonly canvas: Box | undefined;
}

/**
 * Where a picture goes in a rendition. Never enlarged: `inside` and `contain` leave a small picture as it is,
 * `contain` still on a canvas of the asked size; `cover` keeps the asked shape and makes it smaller.
 */
export function layOut(picture: Box, rendition: Pick<Rendition, 'width' | 'height' | 'fit'>): Layout {
  const asked = {
    width: rendition.width ?? Number.POSITIVE_INFINITY,
    height: rendition.height ?? Number.POSITIVE_INFINITY,
  };
  const widthRatio = asked.width / picture.width;
  const heightRatio = asked.height / picture.height;
  switch (rendition.fit) {
    case 'inside':
      return { scaled: scale(picture, Math.min(1, widthRatio, heightRatio)), crop: false, canvas: undefined };
    case 'contain':
      return { scaled: scale(picture, Math.min(1, widthRatio, heightRatio)), crop: false, canvas: asked };
    case 'cover':
      return {
        scaled: scale(asked, Math.min(1, 1 / widthRatio, 1 / heightRatio)),
        crop: true,
        canvas: undefined,
      };
  }
}

function scale({ width, height }: Box, factor: number): Box {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

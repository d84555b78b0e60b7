import type { Rendition } from '../../shared/pictures/recipes.ts';

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
 * `contain` still on a canvas of the asked size; `frame` makes the canvas smaller with it, and `cover` keeps the asked
 * shape and makes it smaller.
 */
export function layOut(
  picture: Box,
  rendition: Pick<Rendition, 'width' | 'height' | 'fit' | 'padding'>,
): Layout {
  const asked = {
    width: rendition.width ?? Number.POSITIVE_INFINITY,
    height: rendition.height ?? Number.POSITIVE_INFINITY,
  };
  const free = 1 - 2 * rendition.padding;
  // How much larger than the picture the room for it is.
  const room = Math.min((asked.width * free) / picture.width, (asked.height * free) / picture.height);
  const scaled = scale(picture, Math.min(1, room));
  switch (rendition.fit) {
    case 'inside':
      return { scaled, crop: false, canvas: undefined };
    case 'contain':
      return { scaled, crop: false, canvas: asked };
    case 'frame':
      return { scaled, crop: false, canvas: scale(asked, Math.min(1, 1 / room)) };
    case 'cover':
      return {
        scaled: scale(asked, Math.min(1, picture.width / asked.width, picture.height / asked.height)),
        crop: true,
        canvas: undefined,
      };
  }
}

function scale({ width, height }: Box, factor: number): Box {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Stands for d3-color in the page: d3's interpolators ask it whether a value is a colour, and here none is (React Flow animates positions and zoom). */

export function color(_value: unknown): null {
  return null;
}

/** Of these nobody calls any, but d3-interpolate names them. */
export const rgb = color;
export const hsl = color;
export const lab = color;
export const hcl = color;
export const cubehelix = color;

/** The simple JSON paths of `additionalPrinterColumns`: fields, indexes, `[*]` and `[?(@.type=="Ready")]`. The first value counts. Kubernetes: apiextensions-apiserver/pkg/registry/customresource/tableconvertor. */
import { isFields } from '../../objects/patch/values.ts';

/** More steps are not followed. */
const maxSteps = 40;
const step = /^(?:\.([-\w/]+(?:\\\.[-\w/]+)*)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\?\(@\.([\w.]+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\])/;

export function firstAt(value: unknown, path: string): unknown {
  let rest = path.replace(/^\{|\}$/g, '');
  let found: readonly unknown[] = [value];
  for (let i = 0; rest !== '' && i < maxSteps; i += 1) {
    const match = step.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length);
    const [, field, index, all, quoted, key, one, other] = match;
    const name = quoted ?? field?.replaceAll('\\.', '.');
    found = found.flatMap((item): readonly unknown[] => {
      if (name !== undefined) return isFields(item) && Object.hasOwn(item, name) ? [item[name]] : [];
      if (!Array.isArray(item)) return [];
      if (all !== undefined) return item;
      if (index !== undefined) return item.slice(Number(index), Number(index) + 1);
      return item.filter((inner) => String(firstAt(inner, `.${key}`)) === (one ?? other));
    });
  }
  return rest === '' ? found[0] : undefined;
}

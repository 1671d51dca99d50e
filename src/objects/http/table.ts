/** Objects as a meta.k8s.io/v1 Table: the columns of `kubectl get` come from the server. */
import type { Kind, KubeObject, RowContext } from '../types.ts';

/** `UP-TO-DATE` to `Up-to-date`: kubectl prints names in capitals. */
const columnName = (name: string): string => name.charAt(0) + name.slice(1).toLowerCase();

export function tableOf(
  kind: Kind,
  objects: readonly KubeObject[],
  context: RowContext,
  resourceVersion: string,
  includeObject: string,
  withColumns = true,
): unknown {
  const partial = (object: KubeObject): unknown =>
    includeObject === 'None'
      ? undefined
      : includeObject === 'Object'
        ? object
        : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: withColumns
      ? kind.columns.map((column) => ({
          name: columnName(column.name),
          type: 'string',
          format: column.name === 'NAME' ? 'name' : '',
          description: '',
          priority: column.priority,
        }))
      : [],
    // Wide cells may be longer: the whole is sent, and kubectl leaves columns of priority 1 out.
    rows: objects.map((object) => {
      const whole = kind.row(object, { ...context, wide: true });
      const short = kind.row(object, context);
      return { cells: kind.columns.map((column, i) => (column.priority === 1 ? whole[i] : short[i])), object: partial(object) };
    }),
  };
}

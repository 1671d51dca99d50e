/** The editor's language service for YAML of Kubernetes: completion and hover from the kinds' schemas. */
export { type CompletionExtras, type CompletionItem, completeYaml, type LiveNames, type Offer } from './yaml-help/complete.ts';
export { type Cursor, findCursor, type SchemaPath } from './yaml-help/cursor.ts';
export { type HoverView, hoverYaml } from './yaml-help/hover.ts';
export { clusterWideKinds, findSchema, kindsByKey, kindsByParent, rootSchema } from './yaml-help/schema-path.ts';

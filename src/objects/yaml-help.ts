/** The editor's language service for YAML of Kubernetes: completion and hover from the kinds' schemas. */
export { type CompletionItem, completeYaml, type LiveNames } from './yaml-help/complete.ts';
export { type HoverView, hoverYaml } from './yaml-help/hover.ts';

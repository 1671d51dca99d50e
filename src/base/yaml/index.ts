/** YAML as Kubernetes understands it: text to values with places, and values to text. */
export { formatYaml } from './format-yaml.ts';
export type { YamlValue } from './node.ts';
export { defaultYamlLimits, type ParsedYaml, parseYaml, type YamlDocument, type YamlLimits } from './parse-yaml.ts';

/** YAML as Kubernetes understands it: text to values with places, and values to text. */
export { compareKeys, formatYaml } from './format-yaml.ts';
export { LineIndex } from './lines.ts';
export { joinPath, type MappingNode, type SequenceNode, type YamlNode, type YamlValue } from './node.ts';
export { defaultYamlLimits, type ParsedYaml, parseYaml, type YamlDocument, type YamlLimits } from './parse-yaml.ts';
export { resolvePlainScalar } from './scalar.ts';

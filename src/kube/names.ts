/** Forms of names that only some kinds know, beyond the general ones. Kubernetes: apimachinery/pkg/util/validation. */
import { dnsSubdomainErrors } from '../objects/validation/names.ts';

export {
  dns1035LabelErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  labelValueErrors,
  pathSegmentErrors,
  portNameErrors,
  qualifiedNameErrors,
} from '../objects/validation/names.ts';

const wildcardWords =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const wildcardDnsErrors = (value: string): readonly string[] =>
  value.startsWith('*.') && dnsSubdomainErrors(value.slice(2)).length === 0 ? [] : [wildcardWords];

/** Kubernetes: IsEnvVarName in its relaxed form, the default since 1.34: printable ASCII without `=`. */
export const envNameErrors = (value: string): readonly string[] =>
  /^[ -<>-~]+$/.test(value) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];

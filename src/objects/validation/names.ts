/** The forms of names, each with the sentence that the API server says when a text does not fit. Kubernetes: apimachinery/pkg/util/validation. */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);
const label1035Pattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const qualifiedNamePattern = new RegExp(`^${qualifiedName}$`);
const labelValuePattern = new RegExp(`^(${qualifiedName})?$`);

const longer = (maximum: number): string => `must be no more than ${maximum} bytes`;
const regexUsed = (pattern: string): string => `regex used for validation is '${pattern}'`;

const labelWords = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', ${regexUsed(label)})`;
const subdomainWords = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', ${regexUsed(subdomain)})`;
const label1035Words = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', ${regexUsed('[a-z]([-a-z0-9]*[a-z0-9])?')})`;
const qualifiedNameWords = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', ${regexUsed(qualifiedName)})`;
const labelValueWords = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', ${regexUsed(`(${qualifiedName})?`)})`;

function check(value: string, maximum: number, pattern: RegExp, words: string): readonly string[] {
  const fits = value.length <= maximum;
  // Beyond the maximum only a prefix is matched: the patterns are linear on short texts, and a long one is wrong anyway.
  const matches = pattern.test(fits ? value : value.slice(0, maximum));
  if (fits) return matches ? [] : [words];
  return matches ? [longer(maximum)] : [longer(maximum), words];
}

/** Each of these returns the sentences that apply; none when the text is well formed. */
export const dnsLabelErrors = (value: string): readonly string[] => check(value, 63, labelPattern, labelWords);
export const dnsSubdomainErrors = (value: string): readonly string[] => check(value, 253, subdomainPattern, subdomainWords);
export const dns1035LabelErrors = (value: string): readonly string[] => check(value, 63, label1035Pattern, label1035Words);
export const labelValueErrors = (value: string): readonly string[] => check(value, 63, labelValuePattern, labelValueWords);

/** `[prefix/]name`, as keys of labels and annotations are. */
export function qualifiedNameErrors(value: string): readonly string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [`a qualified name ${qualifiedNameWords} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const errors: string[] = [];
  const [prefix, name] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [undefined, value];
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) for (const error of dnsSubdomainErrors(prefix)) errors.push(`prefix part ${error}`);
  if (name === '') errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push(`name part ${longer(63)}`);
  if (!qualifiedNamePattern.test(name.slice(0, 63))) errors.push(`name part ${qualifiedNameWords}`);
  return errors;
}

/** Names that only must be safe in a URL path. Kubernetes: apimachinery/pkg/api/validation/path. */
export function pathSegmentErrors(value: string): readonly string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  const errors: string[] = [];
  for (const bad of ['/', '%']) if (value.includes(bad)) errors.push(`may not contain '${bad}'`);
  return errors;
}

/** Kubernetes: IsValidPortName. */
export function portNameErrors(value: string): readonly string[] {
  const errors: string[] = [];
  const head = value.slice(0, 64);
  if (value.length > 15) errors.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(head)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(head)) errors.push('must contain at least one letter (a-z)');
  if (head.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export type NameFormat = 'dns1123Subdomain' | 'dns1123Label' | 'dns1035Label' | 'pathSegment';

export const nameErrors: Readonly<Record<NameFormat, (value: string) => readonly string[]>> = {
  dns1123Subdomain: dnsSubdomainErrors,
  dns1123Label: dnsLabelErrors,
  dns1035Label: dns1035LabelErrors,
  pathSegment: pathSegmentErrors,
};

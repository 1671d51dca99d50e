/** jq's @formats: how a value is written inside other texts. */
import { decodeBase64, encodeBase64 } from '../words.ts';
import { JqError, type Json } from './ast.ts';
import { isList, numberText, shortText, toJson, typeName } from './values.ts';

const html: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&quot;' };

const text = (value: Json): string => (typeof value === 'string' ? value : toJson(value));

function row(format: string, value: Json, cell: (value: Json) => string, separator: string): string {
  if (!isList(value)) throw new JqError(`${typeName(value)} (${shortText(value)}) cannot be ${format}-formatted, only an array can be`);
  return value.map(cell).join(separator);
}

function notACell(format: string, value: Json): never {
  throw new JqError(`${typeName(value)} (${shortText(value)}) is not valid in a ${format} row`);
}

const shell = (value: Json): string => {
  if (typeof value === 'string') return `'${value.replaceAll("'", "'\\''")}'`;
  if (typeof value === 'object' && value !== null) throw new JqError(`${typeName(value)} (${shortText(value)}) can not be escaped for shell`);
  return toJson(value);
};

const uri = (value: string): string => encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** @throws {JqError} for a value that the format has no way to write. */
export function formatValue(name: string, value: Json): Json {
  switch (name) {
    case 'text':
      return text(value);
    case 'json':
      return toJson(value);
    case 'csv':
      return row(
        'csv',
        value,
        (cell) =>
          typeof cell === 'string'
            ? `"${cell.replaceAll('"', '""')}"`
            : typeof cell === 'number'
              ? numberText(cell)
              : typeof cell === 'boolean'
                ? String(cell)
                : cell === null
                  ? ''
                  : notACell('csv', cell),
        ',',
      );
    case 'tsv':
      return row(
        'tsv',
        value,
        (cell) =>
          typeof cell === 'string'
            ? cell.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
            : typeof cell === 'number'
              ? numberText(cell)
              : typeof cell === 'boolean'
                ? String(cell)
                : cell === null
                  ? ''
                  : notACell('tsv', cell),
        '\t',
      );
    case 'html':
      return text(value).replace(/[<>&'"]/g, (char) => html[char] ?? char);
    case 'uri':
      return uri(text(value));
    case 'sh':
      return isList(value) ? value.map(shell).join(' ') : shell(value);
    case 'base64':
      return encodeBase64(text(value));
    case 'base64d': {
      const decoded = decodeBase64(text(value));
      if (decoded === undefined) throw new JqError(`${typeName(value)} (${shortText(value)}) is not valid base64 data`);
      return decoded;
    }
    default:
      throw new JqError(`${name} is not a valid format`);
  }
}

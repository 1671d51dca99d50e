import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldOf, parseGoJson } from './go-json.ts';

const message = (text: string) => {
  const result = parseGoJson(text);
  return result.ok ? 'accepted' : result.message;
};

describe("Go's JSON", () => {
  it('is refused in the words of encoding/json', () => {
    expect(message('')).toBe('unexpected end of JSON input');
    expect(message('{')).toBe('unexpected end of JSON input');
    expect(message('{"Network": 10.244.0.0/16}')).toBe("invalid character '.' after object key:value pair");
    expect(message('{"a" 1}')).toBe("invalid character '1' after object key");
    expect(message('{a: 1}')).toBe("invalid character 'a' looking for beginning of object key string");
    expect(message('{"a": 1,}')).toBe("invalid character '}' looking for beginning of object key string");
    expect(message('[1 2]')).toBe("invalid character '2' after array element");
    expect(message('tru3')).toBe("invalid character '3' in literal true (expecting 'e')");
    expect(message('{} x')).toBe("invalid character 'x' after top-level value");
    expect(message('"a\nb"')).toBe("invalid character '\\n' in string literal");
    expect(message("'a'")).toBe("invalid character '\\'' looking for beginning of value");
  });

  it('accepts exactly what JSON.parse accepts', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.stringMatching(/^[{}[\]",:0-9a truefalsn.-]{0,20}$/)), (text) => {
        let accepted = true;
        try {
          JSON.parse(text);
        } catch {
          accepted = false;
        }
        expect(parseGoJson(text).ok).toBe(accepted);
      }),
    );
  });

  it('finds a field whatever its case', () => {
    expect(fieldOf({ network: 1 }, 'Network')).toBe(1);
    expect(fieldOf({ network: 1, Network: 2 }, 'Network')).toBe(2);
    expect(fieldOf({}, 'constructor')).toBeUndefined();
  });
});

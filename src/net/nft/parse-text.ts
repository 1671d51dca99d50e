/** Single pieces of nft's language as they stand in records: a rule, a list of elements, a type, an object. */
import type { KeySpec, ObjectType, ObjectValue, ParsedNftRule } from './ast.ts';
import { StmtParser } from './parse-stmt.ts';

export function parseRuleText(text: string): ParsedNftRule {
  return new StmtParser(text).rule('end of file');
}

export class ElementReader extends StmtParser {
  /** `type ipv4_addr . inet_service`, `typeof ip saddr`, `verdict`. */
  spec(): KeySpec {
    if (this.is('typeof') || this.is('type')) return this.keySpec(this.next().text === 'typeof');
    return this.keySpec(false);
  }

  object(type: ObjectType): ObjectValue {
    if (type === 'quota') return { type, quota: this.quotaValue() };
    if (type === 'limit') return { type, limit: this.rate() };
    const [packets, bytes] = this.counts();
    return { type, packets, bytes };
  }
}

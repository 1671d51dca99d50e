/** How dig lays out a reply: columns at tab stops, sections, comments. BIND: lib/dns/masterdump.c, bin/dig/dig.c. */
import { formatDate } from '../wire/calendar.ts';
import type { DnsEdns, DnsMessage, DnsResourceRecord } from '../wire/dns-message.ts';

export const DIG_VERSION = '9.18.49-1~deb12u3-Debian';

export interface DigSections {
  readonly command: boolean;
  readonly comments: boolean;
  readonly question: boolean;
  readonly answer: boolean;
  readonly authority: boolean;
  readonly additional: boolean;
  readonly statistics: boolean;
}

const TTL_COLUMN = 24;
const CLASS_COLUMN = 32;
const TYPE_COLUMN = 40;
const DATA_COLUMN = 48;

/** Tabs up to a column, or one blank where the text is there already. */
function indentTo(text: string, column: number): string {
  if (text.length >= column && !text.includes('\t')) return `${text} `;
  let width = 0;
  for (const character of text) width = character === '\t' ? (width & ~7) + 8 : width + 1;
  if (width >= column) return `${text} `;
  let out = text;
  while (width < column) {
    out += '\t';
    width = (width & ~7) + 8;
  }
  return out;
}

export interface DigColumns {
  readonly showTtl: boolean;
  readonly showClass: boolean;
}

export function recordLine(record: DnsResourceRecord, columns: DigColumns): string {
  let line = columns.showTtl ? indentTo(record.name, TTL_COLUMN) + String(record.ttlSeconds) : record.name;
  if (columns.showClass) line = `${indentTo(line, CLASS_COLUMN)}IN`;
  line = indentTo(line, TYPE_COLUMN) + record.type;
  return `${indentTo(line, DATA_COLUMN)}${record.data}\n`;
}

function questionLine(message: DnsMessage): string {
  const line = `${indentTo(`;${message.question.name}`, CLASS_COLUMN)}IN`;
  return `${indentTo(line, TYPE_COLUMN)}${message.question.type}\n`;
}

function headerText(message: DnsMessage): string {
  const flags = [
    'qr',
    message.authoritative ? 'aa' : '',
    message.truncated ? 'tc' : '',
    message.recursionDesired ? 'rd' : '',
    message.recursionAvailable ? 'ra' : '',
    message.authenticData === true ? 'ad' : '',
    message.checkingDisabled === true ? 'cd' : '',
  ];
  let text = ';; Got answer:\n';
  if (/(^|\.)local\.$/i.test(message.question.name)) {
    text += ';; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked to DNS\n';
  }
  text += `;; ->>HEADER<<- opcode: QUERY, status: ${message.rcode}, id: ${message.id}\n`;
  text += `;; flags: ${flags.filter((flag) => flag !== '').join(' ')}; QUERY: 1, ANSWER: ${message.answers.length}, AUTHORITY: ${message.authorities.length}, ADDITIONAL: ${message.additionals.length + (message.edns === undefined ? 0 : 1)}\n`;
  if (message.recursionDesired && !message.recursionAvailable) text += ';; WARNING: recursion requested but not available\n';
  return `${text}\n`;
}

/** BIND: lib/dns/message.c, dns_message_pseudosectiontotext. */
function optText(edns: DnsEdns, askedCookie: string | undefined): string {
  let text = `;; OPT PSEUDOSECTION:\n; EDNS: version: ${edns.version ?? 0}, flags:${edns.dnssecOk === true ? ' do' : ''}; udp: ${edns.udpBytes}\n`;
  const { cookie } = edns;
  if (cookie !== undefined)
    text += `; COOKIE: ${cookie}${cookie === askedCookie ? ' (echoed)' : askedCookie !== undefined && cookie.startsWith(askedCookie) ? ' (good)' : ' (bad)'}\n`;
  return text;
}

function sectionText(title: string, records: readonly DnsResourceRecord[], sections: DigSections, columns: DigColumns): string {
  if (records.length === 0) return '';
  const lines = records.map((record) => recordLine(record, columns)).join('');
  return `${sections.comments ? `;; ${title} SECTION:\n` : ''}${lines}${sections.comments ? '\n' : ''}`;
}

export interface DigFacts {
  /** The words behind `dig`, as in its first line. */
  readonly argv: string;
  readonly serverGiven: boolean;
  readonly first: boolean;
}

export function bannerText(facts: DigFacts, sections: DigSections): string {
  if (!facts.first || !sections.command) return '';
  const found = facts.serverGiven ? '; (1 server found)\n' : '';
  return `\n; <<>> DiG ${DIG_VERSION} <<>> ${facts.argv}\n${found};; global options: +cmd\n`;
}

export interface DigStatistics {
  readonly milliseconds: number;
  readonly server: string;
  readonly serverName: string;
  readonly port: number;
  readonly unixMs: number;
  readonly bytes: number;
  readonly tcp: boolean;
}

export function replyText(
  message: DnsMessage,
  sections: DigSections,
  columns: DigColumns & { readonly cookie?: string | undefined },
  statistics: DigStatistics,
): string {
  let text = sections.comments ? headerText(message) : '';
  if (sections.comments && message.edns !== undefined) text += optText(message.edns, columns.cookie);
  if (sections.question) text += `${sections.comments ? ';; QUESTION SECTION:\n' : ''}${questionLine(message)}${sections.comments ? '\n' : ''}`;
  if (sections.answer) text += sectionText('ANSWER', message.answers, sections, columns);
  if (sections.authority) text += sectionText('AUTHORITY', message.authorities, sections, columns);
  if (sections.additional) text += sectionText('ADDITIONAL', message.additionals, sections, columns);
  if (sections.statistics) {
    text += `;; Query time: ${statistics.milliseconds} msec\n;; SERVER: ${statistics.server}#${statistics.port}(${statistics.serverName}) (${statistics.tcp ? 'TCP' : 'UDP'})\n`;
    text += `;; WHEN: ${formatDate(statistics.unixMs)}\n;; MSG SIZE  rcvd: ${statistics.bytes}\n\n`;
  }
  return text;
}

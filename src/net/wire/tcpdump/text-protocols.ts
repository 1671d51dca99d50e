/** Protocols that are lines of text: HTTP, SMTP, FTP, SSH, and Redis' RESP. tcpdump: print.c (txtproto_print), print-http.c, print-resp.c */
import type { View } from './view.ts';

const HTTP_METHODS: ReadonlySet<string> = new Set(
  (
    'GET PUT COPY HEAD LOCK MOVE POLL POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK REPORT UPDATE NOTIFY BDELETE CONNECT OPTIONS ' +
    'CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH UNCHECKOUT MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT ' +
    'VERSION-CONTROL BASELINE-CONTROL'
  ).split(' '),
);
const SMTP_COMMANDS: ReadonlySet<string> = new Set('DATA EHLO EXPN HELO HELP MAIL NOOP QUIT RCPT RSET VRFY'.split(' '));
const FTP_COMMANDS: ReadonlySet<string> = new Set(
  'ACCT APPE CWD DELE EPRT EPSV LIST MKD MODE NLST PASS PASV PORT PWD QUIT RETR RMD RNFR RNTO SIZE STOR SYST TYPE USER'.split(' '),
);

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);
const isGraph = (code: number): boolean => code > 32 && code < 127;

/** A word and where the next begins; undefined where there is none. */
function word(view: View, from: number, to: number): { readonly text: string; readonly next: number } | undefined {
  let text = '';
  let at = from;
  for (; at < to && view.has(at, 1); at += 1) {
    const code = view.bytes[at] as number;
    if (isSpace(code)) break;
    if (!isGraph(code) || text.length > 126) return undefined;
    text += String.fromCharCode(code);
  }
  if (text === '' || (at < to && !view.has(at, 1))) return undefined;
  while (at < to && view.has(at, 1) && isSpace(view.bytes[at] as number) && view.bytes[at] !== 13 && view.bytes[at] !== 10) at += 1;
  return { text, next: at };
}

export function printHttp(view: View, at: number, length: number): void {
  const first = word(view, at, at + length);
  let speaks = first !== undefined && HTTP_METHODS.has(first.text.toUpperCase());
  if (!speaks && first !== undefined) speaks = /^\d{3}$/.test(word(view, first.next, at + length)?.text ?? '');
  printText(view, 'http', at, length, speaks);
}

/** `ssh` has nothing but lines; the others are recognized by a command or a code of three digits. */
export function printPlainText(view: View, protocol: 'smtp' | 'ftp' | 'ssh', at: number, length: number): void {
  const first = word(view, at, at + length)?.text ?? '';
  const commands = protocol === 'smtp' ? SMTP_COMMANDS : FTP_COMMANDS;
  printText(view, protocol, at, length, protocol === 'ssh' || commands.has(first.toUpperCase()) || /^\d{3}(?![!-~])/.test(first));
}

/** The first line, or with -v every line up to one that is not text. */
function printText(view: View, protocol: string, at: number, length: number, speaks: boolean): void {
  view.protocol = protocol;
  view.print(`: ${protocol.toUpperCase()}`);
  if (!speaks) return;
  if (view.options.verbosity === 0 || protocol === 'ssh') {
    printLine(view, ': ', at, at + length);
    return;
  }
  view.print(`, length: ${length}`);
  for (let line = at; line < at + length; ) {
    const next = printLine(view, '\n\t', line, at + length);
    if (next === 0) break;
    line = next;
  }
}

/** Where the next line begins; 0 at the end of text. */
function printLine(view: View, prefix: string, from: number, to: number): number {
  let line = '';
  for (let at = from; at < to; at += 1) {
    const code = view.u8(at);
    if (code === 10) {
      view.print(prefix + line);
      return at + 1;
    }
    if (code === 13) {
      if (at + 1 >= to || view.u8(at + 1) !== 10) return 0;
      view.print(prefix + line);
      return at + 2;
    }
    if ((code < 32 || code > 126) && code !== 9) return 0;
    line += String.fromCharCode(code);
  }
  view.print(`${prefix}${line} [|${view.protocol}]`);
  return 0;
}

/** Elements of one RESP message that are printed. */
const MAX_ELEMENTS = 64;

/** Redis serialization protocol: `"SET" "key" "value"`. */
export function printResp(view: View, from: number, length: number): void {
  view.protocol = 'resp';
  view.print(': RESP');
  const to = from + length;
  let at = from;
  for (let count = 0; at < to && count < MAX_ELEMENTS; count += 1) {
    const kind = view.u8(at);
    let end = at + 1;
    while (end < to && view.u8(end) !== 13) end += 1;
    view.need(end, 1);
    const line = ascii(view, at + 1, end);
    if (kind === 42) {
      if (line === '0' || line === '-1') view.print(line === '0' ? ' empty' : ' null');
      at = end + 2;
    } else if (kind === 36) {
      const bytes = Number(line);
      if (bytes < 0 || !Number.isInteger(bytes)) {
        view.print(' null');
        at = end + 2;
      } else {
        view.print(bytes === 0 ? ' empty' : ` "${ascii(view, end + 2, end + 2 + bytes)}"`);
        at = end + 2 + bytes + 2;
      }
    } else if (kind === 43 || kind === 45 || kind === 58) {
      view.print(` "${line}"`);
      at = end + 2;
    } else {
      view.print(` "${ascii(view, at, end)}"`);
      at = end + 2;
    }
  }
}

function ascii(view: View, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at += 1) {
    const code = view.u8(at);
    text += code > 31 && code < 127 ? String.fromCharCode(code) : '.';
  }
  return text;
}

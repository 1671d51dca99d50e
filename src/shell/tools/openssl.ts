/** openssl 3.0.19: `req`, `x509`, `verify`, `genrsa`, `genpkey`, `ecparam`, `rand`, `version`; s_client is a program of net/app. OpenSSL: apps/{req,x509,verify}.c. */
import { sha1 } from '@noble/hashes/legacy.js';
import { type Certificate, certificateDate, formatName, hexOf, parseCertificate } from '../../net/app/tls/certificate.ts';
import { encodeEcPrivate, encodePrivate, encodePublic } from '../../net/app/tls/keys.ts';
import { formatPem, parsePem } from '../../net/app/tls/pem.ts';
import { digestOf } from '../../net/app/tls/rsa.ts';
import { findHostName, VERIFY_TEXTS, verifyChain } from '../../net/app/tls/verify.ts';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { defineCommand, type Filter, type FilterIo, type Invocation, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { requestCertificate, signRequest } from './openssl-request.ts';
import { certificateText, extensionText } from './openssl-text.ts';
import { couldNotOpen, loadCertificate, loadKey, newKey, OpensslError, STDIN, type Tool, toolOf } from './openssl-tool.ts';

function runReq(tool: Tool): number {
  const text = requestCertificate(tool);
  tool.write(tool.get('out'), text);
  return 0;
}

const fingerprint = (bytes: Uint8Array): string => (hexOf(bytes).toUpperCase().match(/../g) ?? []).join(':');

function runX509(tool: Tool): number {
  const { invocation } = tool;
  const { out } = invocation;
  if (tool.has('req')) {
    tool.write(tool.get('out'), signRequest(tool));
    return 0;
  }
  const path = tool.get('in') ?? STDIN;
  const certificate = loadCertificate(tool, path);
  // In the order in which they were asked for.
  for (const name of tool.given.keys()) {
    if (name === 'subject') out(`subject=${formatName(certificate.subject)}\n`);
    else if (name === 'issuer') out(`issuer=${formatName(certificate.issuer)}\n`);
    else if (name === 'serial')
      out(
        `serial=${hexOf(certificate.serial)
          .replace(/^00(?=.)/, '')
          .toUpperCase()}\n`,
      );
    else if (name === 'dates') out(`notBefore=${certificateDate(certificate.notBeforeMs)}\nnotAfter=${certificateDate(certificate.notAfterMs)}\n`);
    else if (name === 'startdate') out(`notBefore=${certificateDate(certificate.notBeforeMs)}\n`);
    else if (name === 'enddate') out(`notAfter=${certificateDate(certificate.notAfterMs)}\n`);
    else if (name === 'fingerprint') {
      const hash = tool.has('sha256') ? 'sha256' : 'SHA1';
      out(`${hash} Fingerprint=${fingerprint(hash === 'SHA1' ? sha1(certificate.der) : digestOf('sha256', certificate.der))}\n`);
    } else if (name === 'pubkey') out(formatPem('PUBLIC KEY', certificate.spki));
    else if (name === 'text') out(certificateText(certificate));
    else if (name === 'ext') {
      const wanted = (tool.get('ext') ?? '').split(',');
      const texts = certificate.extensions.filter((one) => wanted.includes(extensionText(one).short)).map((one) => extensionText(one, certificate).text(0));
      if (texts.length === 0) invocation.err('No extensions matching selection\n');
      else out(texts.join(''));
    } else if (name === 'checkhost') {
      const host = tool.get('checkhost') ?? '';
      out(
        `Hostname ${host} does${findHostName(certificate, host) === undefined ? ' NOT' : ''} match certificate${findHostName(certificate, host) === undefined ? '' : '\n'}`,
      );
    } else if (name === 'checkend') {
      const expires = certificate.notAfterMs < tool.nowMs + Number(tool.get('checkend') ?? 0) * 1000;
      out(`Certificate will${expires ? '' : ' not'} expire\n`);
      if (expires) return 1;
    }
  }
  if (!tool.has('noout') && !tool.has('checkend')) tool.write(tool.get('out'), formatPem('CERTIFICATE', certificate.der));
  return 0;
}

function runVerify(tool: Tool): number {
  const { invocation } = tool;
  const bundle = (name: string): readonly Certificate[] =>
    (tool.given.get(name) ?? []).flatMap((path) => {
      const text = tool.read(path);
      if (text === undefined) throw couldNotOpen('file', path);
      return parsePem(text).flatMap(({ bytes }) => parseCertificate(bytes) ?? []);
    });
  const system = tool.read('/etc/ssl/certs/ca-certificates.crt');
  const trusted = [...bundle('CAfile'), ...bundle('trusted'), ...parsePem(system ?? '').flatMap(({ bytes }) => parseCertificate(bytes) ?? [])];
  const untrusted = bundle('untrusted');
  let code = 0;
  for (const path of tool.given.get('') ?? []) {
    const certificate = loadCertificate(tool, path, 'certificate file', '');
    const verified = verifyChain(certificate, untrusted, trusted, { nowMs: tool.nowMs, purpose: 'any' });
    const host = tool.get('verify_hostname');
    const problems = host === undefined || findHostName(certificate, host) !== undefined ? verified.problems : [...verified.problems, { code: 62, depth: 0 }];
    // Its first error ends it.
    const [first] = problems;
    if (first === undefined) {
      invocation.out(`${path}: OK\n`);
      continue;
    }
    code = 2;
    const at = verified.chain[first.depth] ?? certificate;
    invocation.err(
      `${formatName(at.subject)}\nerror ${first.code} at ${first.depth} depth lookup: ${VERIFY_TEXTS[first.code]}\nerror ${path}: verification failed\n`,
    );
  }
  return code;
}

function runRand(tool: Tool): number {
  const count = Number(tool.given.get('')?.[0] ?? 0);
  if (!Number.isInteger(count) || count < 1 || count > 65_536) throw new OpensslError('rand: a number of bytes from 1 to 65536 is needed here\n');
  const bytes = tool.random(count);
  tool.write(tool.get('out'), tool.has('hex') ? `${hexOf(bytes)}\n` : `${(bytesToBase64(bytes).match(/.{1,64}/g) ?? []).join('\n')}\n`);
  return 0;
}

const REQ_FLAGS = 'x509 new nodes noenc batch sha256 sha384 sha512 utf8 text noout verify subject verbose';
const REQ_VALUES = 'newkey key keyout out days subj addext pkeyopt CA CAkey set_serial config extensions in passout';
const X509_FLAGS = 'noout text subject issuer dates startdate enddate serial fingerprint pubkey req CAcreateserial sha256 sha1 sha384 sha512 email';
const X509_VALUES =
  'in out days CA CAkey CAserial extfile extensions signkey key set_serial ext checkhost checkend checkip inform outform copy_extensions nameopt subj';

const TOOLS: Readonly<Record<string, { readonly flags: string; readonly values: string; readonly run: (tool: Tool) => number }>> = {
  req: { flags: REQ_FLAGS, values: REQ_VALUES, run: runReq },
  x509: { flags: X509_FLAGS, values: X509_VALUES, run: runX509 },
  verify: {
    flags: 'no-CApath no-CAfile partial_chain show_chain verbose x509_strict',
    values: 'CAfile CApath untrusted trusted verify_hostname purpose',
    run: runVerify,
  },
  rand: { flags: 'hex base64', values: 'out', run: runRand },
  genrsa: {
    flags: 'traditional',
    values: 'out',
    run: (tool) => {
      const key = newKey(tool, `rsa:${tool.given.get('')?.[0] ?? 2048}`, undefined);
      tool.write(tool.get('out'), formatPem('PRIVATE KEY', encodePrivate(key)));
      return 0;
    },
  },
  genpkey: {
    flags: '',
    values: 'algorithm pkeyopt out outform',
    run: (tool) => {
      const options = new Map((tool.given.get('pkeyopt') ?? []).map((one) => [one.split(':')[0] ?? '', one.split(':')[1] ?? '']));
      const algorithm = (tool.get('algorithm') ?? '').toLowerCase();
      const kind = algorithm === 'rsa' ? `rsa:${options.get('rsa_keygen_bits') ?? 2048}` : algorithm;
      tool.write(tool.get('out'), formatPem('PRIVATE KEY', encodePrivate(newKey(tool, kind, options.get('ec_paramgen_curve')))));
      return 0;
    },
  },
  ecparam: {
    flags: 'genkey noout',
    values: 'name out',
    run: (tool) => {
      const key = newKey(tool, 'ec', tool.get('name'));
      const parameters = tool.has('noout') ? '' : '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
      const made = tool.has('genkey') && key.kind === 'ec' ? formatPem('EC PRIVATE KEY', encodeEcPrivate(key)) : '';
      tool.write(tool.get('out'), parameters + made);
      return 0;
    },
  },
  pkey: {
    flags: 'pubout noout pubin',
    values: 'in out',
    run: (tool) => {
      const key = loadKey(tool, tool.get('in') ?? '');
      if (tool.has('pubout'))
        tool.write(
          tool.get('out'),
          formatPem('PUBLIC KEY', encodePublic(key.kind === 'ec' ? { kind: 'ec', point: key.point } : { kind: 'rsa', n: key.n, e: key.e })),
        );
      else if (!tool.has('noout')) tool.write(tool.get('out'), formatPem('PRIVATE KEY', encodePrivate(key)));
      return 0;
    },
  },
};

function runTool(invocation: Invocation, name: string, input?: string): number {
  const known = TOOLS[name];
  if (known === undefined) return 1;
  const tool = toolOf(invocation, name, known.flags, known.values, input);
  if (typeof tool === 'string') {
    invocation.err(tool);
    return 1;
  }
  try {
    return known.run(tool);
  } catch (problem) {
    if (!(problem instanceof OpensslError)) throw problem;
    invocation.err(problem.message);
    return problem.code;
  }
}

interface Reading {
  readonly argv: readonly string[];
  text: string;
}

const MAX_INPUT_CHARACTERS = 1_000_000;

/** Standard input of `openssl x509`. */
export const opensslFilter: Filter = {
  data: (state: Reading, text: string) => {
    if (state.text.length < MAX_INPUT_CHARACTERS) state.text += text;
    return undefined;
  },
  end: (state: Reading, io: FilterIo) => runTool({ ...io.invocation(), argv: state.argv, out: io.out, err: io.err }, state.argv[0] ?? '', state.text),
};

export const openssl = defineCommand({
  name: 'openssl',
  summary: 'certificates and TLS: openssl req -x509 …, x509 -text, verify, s_client -connect HOST:443 -servername NAME',
  group: 'network',
  run: (invocation): Outcome => {
    const { argv, out, err, shell, place, cwd, host, outTty } = invocation;
    const [name = ''] = argv;
    if (name === 'version') {
      out('OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)\n');
      return 0;
    }
    const known = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
    if (known === undefined) {
      const program = shell.programs.get('openssl');
      if (name !== 's_client' || program === undefined) {
        err(
          name === ''
            ? `openssl: of its commands there are here: ${[...Object.keys(TOOLS), 's_client', 'version'].join(', ')}\n`
            : `openssl: ${name} is not simulated in Kubehop\n`,
        );
        return 1;
      }
      const readFile = (path: string): string | undefined => shell.readFile(place, resolvePath(cwd, path));
      const parsed = program.parse(argv, { tty: outTty, image: place.profile, epochMs: host.epochMs, readFile });
      if (!parsed.ok) {
        err(parsed.stderr);
        return parsed.exitCode;
      }
      return { kind: 'program', app: program.app, name: 'openssl', config: parsed.config, endless: false };
    }
    // A certificate that no file is named for comes through a pipe.
    if (name === 'x509' && !argv.some((word) => /^--?(in|req)$/.test(word))) return { kind: 'filter', filter: 'openssl', state: { argv, text: '' } };
    return runTool(invocation, name);
  },
  complete: (words, current) => (words.length === 1 ? [...Object.keys(TOOLS), 's_client', 'version'].filter((one) => one.startsWith(current)) : []),
});

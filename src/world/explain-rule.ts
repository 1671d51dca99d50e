/** One iptables rule in a sentence: what it is about, where it sends the packet, and for whom it was written. */
import type { Origin } from '../base/origin.ts';
import { mono, say, strong } from './tell-phrases.ts';
import type { Phrase } from './views.ts';

/** What chains of known components are for, by the beginning of their names. Kubernetes: pkg/proxy/iptables/proxier.go and pkg/proxy/ipvs/proxier.go; flannel: pkg/trafficmngr/iptables. */
const PURPOSES: readonly (readonly [RegExp, string])[] = [
  [/^KUBE-SERVICES$/, 'which looks for a Service by its address'],
  [/^KUBE-EXTERNAL-SERVICES$/, 'which looks for addresses from outside'],
  [/^KUBE-NODEPORTS$/, 'which looks for node ports'],
  [/^KUBE-SVC-/, "which chooses one of all the Service's endpoints"],
  [/^KUBE-SVL-/, 'which chooses one of the endpoints on this node'],
  [/^KUBE-EXT-/, 'which treats traffic that comes from outside'],
  [/^KUBE-FW-/, 'which lets only certain sources in'],
  [/^KUBE-SEP-/, 'which is one endpoint'],
  [/^KUBE-MARK-MASQ$/, 'which marks the packet to be masqueraded'],
  [/^KUBE-POSTROUTING$/, 'which masquerades what was marked'],
  [/^KUBE-FORWARD$/, 'which lets Service traffic be forwarded'],
  [/^KUBE-PROXY-FIREWALL$/, 'which drops what no source range allowed'],
  [/^KUBE-FIREWALL$/, "which drops foreign packets to the node's loopback"],
  [/^KUBE-NODE-PORT$/, 'which looks for node ports in sets'],
  [/^KUBE-LOAD-BALANCER$/, 'which treats addresses of load balancers'],
  [/^FLANNEL-POSTRTG$/, 'which masquerades what leaves the pod network'],
  [/^FLANNEL-FWD$/, 'which lets pod traffic be forwarded'],
  [/^CNI-HOSTPORT-DNAT$/, 'which looks for host ports'],
  [/^CNI-HOSTPORT-MASQ$/, 'which masquerades marked host port traffic'],
  [/^CNI-HOSTPORT-SETMARK$/, 'which marks host port traffic'],
  [/^CNI-DN-/, 'which is one pod with host ports'],
  // Calico: felix/rules/rule_defs.go
  [/^cali-(?:INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING)$/, "which is Felix' part of this hook"],
  [/^cali-from-wl-dispatch/, 'which looks for the egress policy of the pod it comes from'],
  [/^cali-to-wl-dispatch/, 'which looks for the ingress policy of the pod it goes to'],
  [/^cali-wl-to-host$/, 'which treats what pods send to their own node'],
  [/^cali-fw-/, "which is one pod's egress policy"],
  [/^cali-tw-/, "which is one pod's ingress policy"],
  [/^cali-p[io]-/, 'which is one policy'],
  [/^cali-g[io]-/, 'which is a group of policies'],
  [/^cali-pr[io]-/, 'which is what a profile allows where no policy has a say'],
  [/^cali-nat-outgoing$/, 'which masquerades what leaves the pools'],
  [/^cali-cidr-block$/, 'which stops packets to Services that nobody serves'],
  [/^cali-(?:from|to)-(?:host-endpoint|hep-forward)$/, 'which is for policies of host endpoints, and empty here'],
  [/^cali-rpf-skip$/, 'which names pods that may use addresses of others'],
  [/^cali-fip-/, 'which is for floating addresses'],
];

const purposeOf = (chain: string): string | undefined => PURPOSES.find(([pattern]) => pattern.test(chain))?.[1];

/** Words of a rule; text in quotation marks is one word. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

interface Reader {
  readonly next: () => string;
  readonly not: boolean;
}

/** What an option of a match says; undefined for those that add nothing a reader needs. */
const OPTIONS: Readonly<Record<string, (reader: Reader) => Phrase[] | undefined>> = {
  '-s': (r) => [say(`${r.not ? 'not ' : ''}from `), mono(r.next())],
  '-d': (r) => [say(`${r.not ? 'not ' : ''}to `), mono(r.next())],
  '-i': (r) => [say(`${r.not ? 'not ' : ''}in by `), mono(r.next())],
  '-o': (r) => [say(`${r.not ? 'not ' : ''}out by `), mono(r.next())],
  '--dport': (r) => [say(`${r.not ? 'not ' : ''}to port `), mono(r.next())],
  '--sport': (r) => [say(`${r.not ? 'not ' : ''}from port `), mono(r.next())],
  '--dports': (r) => [say('to one of the ports '), mono(r.next())],
  '--ctstate': (r) => [say(`${r.not ? 'not ' : ''}of a connection in state `), mono(r.next())],
  '--mark': (r) => [say(`${r.not ? 'without' : 'with'} the mark `), mono(r.next())],
  '--dst-type': (r) => [say(`${r.not ? 'not ' : ''}to an address of type `), mono(r.next())],
  '--src-type': (r) => [say(`${r.not ? 'not ' : ''}from an address of type `), mono(r.next())],
  '--match-set': (r) => [say(`${r.not ? 'not ' : ''}in the set `), mono(`${r.next()} (${r.next()})`)],
  '--ctorigdstport': (r) => [say('first addressed to port '), mono(r.next())],
  '--physdev-in': (r) => [say('in by the bridge port '), mono(r.next())],
};
const CHANCE = new Set(['--probability']);
const WITHOUT_VALUE = new Set([
  '--rcheck',
  '--set',
  '--reap',
  '--rsource',
  '--rdest',
  '--random-fully',
  '--random',
  '--physdev-is-bridged',
  '--syn',
  '--update',
  '--remove',
]);
const ALIASES: Readonly<Record<string, string>> = {
  '--source': '-s',
  '--destination': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--state': '--ctstate',
  '--jump': '-j',
  '--goto': '-g',
  '--protocol': '-p',
};

/** What it does, from `-j` on. */
function actionOf(words: readonly string[]): Phrase[] {
  const [target = '', ...rest] = words;
  const option = (name: string): string | undefined => {
    const at = rest.indexOf(name);
    return at < 0 ? undefined : rest[at + 1];
  };
  switch (target) {
    case 'ACCEPT':
      return [say('is let through')];
    case 'DROP':
      return [say('is dropped without a word')];
    case 'REJECT':
      return [say('is refused with '), mono(option('--reject-with') ?? 'icmp-port-unreachable')];
    case 'RETURN':
      return [say('goes back to the chain it came from')];
    case 'DNAT':
      return [say('gets the destination '), mono(option('--to-destination') ?? '')];
    case 'SNAT':
      return [say('gets the source '), mono(option('--to-source') ?? '')];
    case 'MASQUERADE':
      return [say(`gets the address of the device it leaves by${rest.includes('--random-fully') ? ' and a random port' : ''} as its source`)];
    case 'REDIRECT':
      return [say('is turned to this machine, port '), mono(option('--to-ports') ?? 'as it was')];
    case 'MARK': {
      const name = ['--or-mark', '--xor-mark', '--set-xmark', '--set-mark', '--and-mark'].find((one) => rest.includes(one));
      return [say(name === '--xor-mark' ? 'has the mark turned over: ' : 'gets the mark '), mono(name === undefined ? '' : (option(name) ?? ''))];
    }
    case 'NOTRACK':
      return [say('is not tracked by conntrack')];
    case 'CT':
      return [say(rest.includes('--notrack') ? 'is not tracked by conntrack' : 'is tracked in another way')];
    case 'LOG':
      return [say('is written to the kernel log')];
    default: {
      const purpose = purposeOf(target);
      return [say('goes on in '), mono(target), ...(purpose === undefined ? [] : [say(`, ${purpose}`)])];
    }
  }
}

/** Phrases for the rule `text` (what follows `-A CHAIN`). Whatever it cannot put into words is left as the option's own text. */
export function explainRule(text: string, origin: Origin): Phrase[] {
  const words = wordsOf(text);
  const about: Phrase[][] = [];
  let protocol = 'packet';
  let chance: number | undefined;
  let sticky: string | undefined;
  let target: readonly string[] = [];
  let not = false;
  for (let i = 0; i < words.length; i += 1) {
    const raw = words[i] as string;
    const word = Object.hasOwn(ALIASES, raw) ? (ALIASES[raw] as string) : raw;
    if (word === '!') {
      not = true;
      continue;
    }
    if (word === '-j' || word === '-g') {
      target = words.slice(i + 1);
      break;
    }
    const negated = not;
    not = false;
    if (word === '-p') {
      i += 1;
      protocol = negated ? `packet that is not ${words[i]?.toUpperCase()}` : `${words[i]?.toUpperCase() ?? ''} packet`;
    } else if (CHANCE.has(word)) {
      i += 1;
      chance = Number(words[i]);
    } else if (word === '--seconds') {
      i += 1;
      sticky = words[i];
    } else if (Object.hasOwn(OPTIONS, word)) {
      const phrases = OPTIONS[word]?.({
        not: negated,
        next: () => {
          i += 1;
          return words[i] ?? '';
        },
      });
      if (phrases !== undefined) about.push(phrases);
    } else if (word === '-m' || word === '--comment' || word === '--mode' || word === '--name' || word === '--mask') i += 1;
    else if (!WITHOUT_VALUE.has(word)) {
      // An option of another match: as it stands, with its value.
      const value = words[i + 1];
      const taken = value !== undefined && !value.startsWith('-') && value !== '!';
      about.push([mono(`${negated ? '! ' : ''}${word}${taken ? ` ${value}` : ''}`)]);
      if (taken) i += 1;
    }
  }
  const phrases: Phrase[] = [say(/^[AEIOU]/.test(protocol) ? 'An ' : 'A '), say(protocol)];
  about.forEach((one, index) => {
    phrases.push(say(index === 0 ? ' ' : ', '), ...one);
  });
  if (sticky !== undefined) phrases.push(say(`${about.length === 0 ? ' ' : ', '}of a client that came here within the last ${sticky} seconds`));
  if (chance !== undefined) phrases.push(say(`, in ${Math.round(chance * 100)} of 100 cases by chance,`));
  phrases.push(say(' '), ...(target.length === 0 ? [say('is only counted')] : actionOf(target)), say('. '));
  const [first, ...others] = origin.objects;
  phrases.push(say(`Written by ${origin.component}`));
  if (first !== undefined) {
    phrases.push(say(' for '), { ...strong(first), link: { kind: 'object', key: first } });
    for (const key of others.slice(0, 2)) phrases.push(say(' and '), { ...strong(key), link: { kind: 'object', key } });
  }
  phrases.push(say('.'));
  return phrases;
}

/** ip: addr, link, route, neigh, rule, monitor, netns of iproute2. */
import { defineCommand } from '../command.ts';
import { ipAddress } from './ip-address.ts';
import { type IpOptions, ipLink } from './ip-link.ts';
import { ipMonitor } from './ip-monitor.ts';
import { ipNeigh } from './ip-neigh.ts';
import { inNetns, ipNetns } from './ip-netns.ts';
import { ipRoute } from './ip-route.ts';
import { ipRule } from './ip-rule.ts';
import { ipTuntap } from './ip-tuntap.ts';

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | link | monitor | neigh | netns | route | rule }
       OPTIONS := { -d[etails] | -s[tatistics] | -br[ief] | -4 | -o[neline] | -t[imestamp] | -ts[hort] | -j[son] | -p[retty] }
`;

const OBJECTS = ['address', 'link', 'route', 'neighbour', 'neighbor', 'rule', 'netns', 'monitor', 'tuntap'] as const;

export const ip = defineCommand({
  name: 'ip',
  summary: 'addresses, links, routes, neighbours: ip addr, ip -d link, ip route, ip neigh',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    const options: { -readonly [K in keyof IpOptions]: IpOptions[K] } = { brief: false, details: false, statistics: false, oneLine: false, family: undefined };
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      const name = option.replace(/^--?/, '');
      if (name === 'n' || name === 'netns') {
        const target = words.shift() ?? '';
        return inNetns(invocation, target, ['ip', ...words]);
      }
      if (['br', 'brief'].includes(name)) options.brief = true;
      else if (name !== '' && 'details'.startsWith(name)) options.details = true;
      else if (name !== '' && ('statistics'.startsWith(name) || 'stats'.startsWith(name))) options.statistics = true;
      else if (name !== '' && 'oneline'.startsWith(name)) options.oneLine = true;
      else if (name !== '' && 'json'.startsWith(name)) options.json = true;
      else if (name !== '' && 'pretty'.startsWith(name)) options.pretty = true;
      else if (name !== '' && 'timestamp'.startsWith(name)) options.stamp = 'long';
      else if (name !== '' && 'tshort'.startsWith(name)) options.stamp = 'short';
      else if (name === '4') options.family = 4;
      else if (name === '6') options.family = 6;
      else if (name === 'V' || name === 'Version') {
        invocation.out('ip utility, iproute2-6.1.0, libbpf 1.3.0\n');
        return 0;
      } else if (!(name.startsWith('c') && 'color'.startsWith(name.split('=')[0] ?? ''))) {
        invocation.err(`Option "${option}" is unknown, try "ip -help".\n`);
        return 255;
      }
    }
    const word = words.shift();
    const object = word === undefined ? undefined : OBJECTS.find((candidate) => candidate.startsWith(word));
    if (word === undefined || word === 'help') {
      invocation.err(USAGE);
      return word === undefined ? 255 : 255;
    }
    switch (object) {
      case 'address':
        return ipAddress(invocation, options, words);
      case 'link':
        return ipLink(invocation, options, words);
      case 'route':
        return ipRoute(invocation, options, words);
      case 'neighbour':
      case 'neighbor':
        return ipNeigh(invocation, options, words);
      case 'rule':
        return ipRule(invocation, options, words);
      case 'monitor':
        return ipMonitor(invocation, options, words);
      case 'tuntap':
        return ipTuntap(invocation, words);
      case 'netns':
        return ipNetns(invocation, words);
      default:
        invocation.err(`Object "${word}" is unknown, try "ip help".\n`);
        return 1;
    }
  },
  complete: (words, current) => {
    const offered =
      words.length === 1
        ? ['addr', 'link', 'route', 'neigh', 'rule', 'netns', 'monitor', '-d', '-s', '-br']
        : words.includes('route')
          ? ['show', 'get', 'add', 'del', 'replace', 'default', 'via', 'dev']
          : words.includes('link')
            ? ['show', 'set', 'add', 'del', 'up', 'down', 'mtu', 'dev', 'type', 'name', 'link', 'master', 'netns', 'address']
            : ['show', 'add', 'del', 'dev', 'flush'];
    return offered.filter((candidate) => candidate.startsWith(current));
  },
});

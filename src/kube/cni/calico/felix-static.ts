/** The chains that Felix has on every node, and how it hooks them in. Calico v3.30: felix/rules/static.go, nat.go */
import type { Chain } from '../../../net/records.ts';
import { ACCEPT_MARK, ALL_MARK, clearMark, type FelixRule, goTo, jump, markClear, markSet, setMark, setName } from './felix-rule.ts';

export interface StaticSettings {
  readonly ipip: boolean;
  readonly vxlan: boolean;
  readonly vxlanPort: number;
  /** Names of the tunnel devices that have an address. */
  readonly tunnels: readonly string[];
  readonly natOutgoing: boolean;
  /** `ACCEPT`, `RETURN` */
  readonly allow: string;
  /** `DROP`, `REJECT` */
  readonly deny: string;
  /** `DROP`, `RETURN`, `ACCEPT`, `REJECT`: DefaultEndpointToHostAction */
  readonly toHost: string;
  /** Ranges of Services: what nobody serves is not sent round in circles. */
  readonly serviceCidrs: readonly string[];
  readonly loopPrevention: string;
}

export const SETS = {
  allHosts: setName('all-hosts-net'),
  allVxlan: setName('all-vxlan-net'),
  thisHost: setName('this-host'),
  allPools: setName('all-ipam-pools'),
  masqPools: setName('masq-ipam-pools'),
} as const;

type Table = Chain['table'];
interface FelixChain {
  readonly table: Table;
  readonly name: string;
  readonly rules: readonly FelixRule[];
}

const word = (verdict: string): string => verdict.slice(0, 1) + verdict.slice(1).toLowerCase();
const CLEAR_ALL = clearMark('0xf0000');
const accepted: FelixRule = { match: markSet(ACCEPT_MARK), action: jump('ACCEPT') };
const hostAccepted = (action: string): FelixRule => ({
  match: markSet(ACCEPT_MARK),
  action: jump(action),
  comments: ['Host endpoint policy accepted packet.'],
});
const vxlanMatch = (port: number): string => `-p 17 -m multiport --destination-ports ${port}`;

function inputRules(settings: StaticSettings): FelixRule[] {
  const { allow, deny } = settings;
  return [
    ...(settings.ipip
      ? [
          {
            match: `-p 4 -m set --match-set ${SETS.allHosts} src -m addrtype --dst-type LOCAL`,
            action: jump(allow),
            comments: ['Allow IPIP packets from Calico hosts'],
          },
          { match: '-p 4', action: jump(deny), comments: [`${word(deny)} IPIP packets from non-Calico hosts`] },
        ]
      : []),
    ...(settings.vxlan
      ? [
          {
            match: `${vxlanMatch(settings.vxlanPort)} -m set --match-set ${SETS.allVxlan} src -m addrtype --dst-type LOCAL`,
            action: jump(allow),
            comments: ['Allow IPv4 VXLAN packets from allowed hosts'],
          },
          {
            match: `${vxlanMatch(settings.vxlanPort)} -m addrtype --dst-type LOCAL`,
            action: jump('DROP'),
            comments: ['Drop IPv4 VXLAN packets from non-allowed hosts'],
          },
        ]
      : []),
    { match: '--in-interface cali+', action: goTo('cali-wl-to-host') },
    { ...accepted, action: jump(allow) },
    { action: CLEAR_ALL },
    { action: jump('cali-from-host-endpoint') },
    hostAccepted(allow),
  ];
}

function outputRules({ allow, ipip, vxlan, vxlanPort }: StaticSettings): FelixRule[] {
  return [
    { ...accepted, action: jump(allow) },
    { match: '--out-interface cali+', action: jump('RETURN') },
    ...(ipip
      ? [
          {
            match: `-p 4 -m set --match-set ${SETS.allHosts} dst -m addrtype --src-type LOCAL`,
            action: jump(allow),
            comments: ['Allow IPIP packets to other Calico hosts'],
          },
        ]
      : []),
    ...(vxlan
      ? [
          {
            match: `${vxlanMatch(vxlanPort)} -m addrtype --src-type LOCAL -m set --match-set ${SETS.allVxlan} dst`,
            action: jump(allow),
            comments: ['Allow IPv4 VXLAN packets to other allowed hosts'],
          },
        ]
      : []),
    { action: CLEAR_ALL },
    { match: '-m conntrack ! --ctstate DNAT', action: jump('cali-to-host-endpoint') },
    hostAccepted(allow),
  ];
}

function filterChains(settings: StaticSettings): FelixChain[] {
  const chain = (name: string, rules: readonly FelixRule[] = []): FelixChain => ({ table: 'filter', name, rules });
  const blocks =
    settings.loopPrevention === 'Disabled'
      ? []
      : settings.serviceCidrs.map((cidr) => ({ match: `--destination ${cidr}`, action: jump(settings.loopPrevention.toUpperCase()) }));
  return [
    chain('cali-FORWARD', [
      { action: clearMark('0xe0000') },
      { match: markClear(ACCEPT_MARK), action: jump('cali-from-hep-forward') },
      { match: '--in-interface cali+', action: jump('cali-from-wl-dispatch') },
      { match: '--out-interface cali+', action: jump('cali-to-wl-dispatch') },
      { action: jump('cali-to-hep-forward') },
      { action: jump('cali-cidr-block') },
    ]),
    chain('cali-INPUT', inputRules(settings)),
    chain('cali-OUTPUT', outputRules(settings)),
    chain('cali-cidr-block', blocks),
    chain('cali-from-hep-forward'),
    chain('cali-from-host-endpoint'),
    chain('cali-to-hep-forward'),
    chain('cali-to-host-endpoint'),
    chain('cali-wl-to-host', [
      { action: jump('cali-from-wl-dispatch') },
      { action: jump(settings.toHost), comments: ['Configured DefaultEndpointToHostAction'] },
    ]),
  ];
}

function natChains({ tunnels, natOutgoing }: StaticSettings): FelixChain[] {
  const chain = (name: string, rules: readonly FelixRule[] = []): FelixChain => ({ table: 'nat', name, rules });
  return [
    chain('cali-OUTPUT', [{ action: jump('cali-fip-dnat') }]),
    chain('cali-POSTROUTING', [
      { action: jump('cali-fip-snat') },
      { action: jump('cali-nat-outgoing') },
      // The host's own packets enter a tunnel with the address of its end there.
      ...tunnels.map((device) => ({
        match: `--out-interface ${device} -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL`,
        action: '--jump MASQUERADE --random-fully',
      })),
    ]),
    chain('cali-PREROUTING', [{ action: jump('cali-fip-dnat') }]),
    chain('cali-fip-dnat'),
    chain('cali-fip-snat'),
    chain(
      'cali-nat-outgoing',
      natOutgoing
        ? [{ match: `-m set --match-set ${SETS.masqPools} src -m set ! --match-set ${SETS.allPools} dst`, action: '--jump MASQUERADE --random-fully' }]
        : [],
    ),
  ];
}

function mangleAndRawChains(settings: StaticSettings): FelixChain[] {
  const untracked: FelixRule[] = settings.vxlan ? [{ match: `-p udp -m udp --destination-port ${settings.vxlanPort}`, action: '--jump NOTRACK' }] : [];
  const hosts = (table: Table): FelixChain[] => ['cali-from-host-endpoint', 'cali-to-host-endpoint'].map((name) => ({ table, name, rules: [] }));
  return [
    {
      table: 'mangle',
      name: 'cali-PREROUTING',
      rules: [
        { match: '-m conntrack --ctstate RELATED,ESTABLISHED', action: jump('ACCEPT') },
        accepted,
        { action: jump('cali-from-host-endpoint') },
        hostAccepted('ACCEPT'),
      ],
    },
    {
      table: 'mangle',
      name: 'cali-POSTROUTING',
      rules: [
        { match: markSet(ACCEPT_MARK), action: jump('RETURN') },
        { action: CLEAR_ALL },
        { match: '-m conntrack --ctstate DNAT', action: jump('cali-to-host-endpoint') },
        hostAccepted('RETURN'),
      ],
    },
    ...hosts('mangle'),
    { table: 'raw', name: 'cali-OUTPUT', rules: [{ action: CLEAR_ALL }, { action: jump('cali-to-host-endpoint') }, ...untracked, accepted] },
    {
      table: 'raw',
      name: 'cali-PREROUTING',
      rules: [
        { action: CLEAR_ALL },
        ...untracked,
        { match: '--in-interface cali+', action: setMark(ALL_MARK) },
        { match: markSet(ALL_MARK), action: jump('cali-rpf-skip') },
        // A pod cannot send from an address that is not its own.
        { match: `${markSet(ALL_MARK)} -m rpfilter --invert --validmark`, action: jump(settings.deny) },
        { match: markClear(ALL_MARK), action: jump('cali-from-host-endpoint') },
        accepted,
      ],
    },
    { table: 'raw', name: 'cali-rpf-skip', rules: [] },
    ...hosts('raw'),
  ];
}

export const staticChains = (settings: StaticSettings): readonly FelixChain[] => [
  ...filterChains(settings),
  ...natChains(settings),
  ...mangleAndRawChains(settings),
];

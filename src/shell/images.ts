/** What is inside a container image or on a host, as far as a terminal shows it: its shell, its home, its programs. */
import type { Flavour } from './syntax/errors.ts';

export interface Profile {
  readonly name: string;
  /** Shells that exist, each with its manner of speaking; empty for images without one. */
  readonly shells: Readonly<Record<string, Flavour>>;
  readonly home: string;
  readonly workingDirectory: string;
  readonly user: string;
  /** Programs beside the shell's builtins, or `all` of those that kubehop has. */
  readonly programs: ReadonlySet<string> | 'all';
  /** Names that mean busybox' version of a program here. */
  readonly busybox: boolean;
  readonly os: { readonly id: string; readonly name: string; readonly version: string };
}

const list = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

const coreutils = list(
  'cat ls head tail wc sort uniq cut tr tee seq date env printenv sleep timeout basename dirname rm mkdir touch cp mv pwd id whoami uname hostname nproc true false test [ printf echo base64 yes xargs grep sed awk find which getent tac rev nl expr readlink stat rmdir paste diff df od comm join fold mktemp md5sum sha1sum sha256sum',
);
const busyboxApplets = list(
  'busybox nslookup wget ping traceroute nc ip route ifconfig arp netstat ps clear more less vi watch kill arping telnet top free df du uptime hexdump md5sum sha256sum tar',
);

const debian = { id: 'debian', name: 'Debian GNU/Linux', version: '12 (bookworm)' };
const alpine = { id: 'alpine', name: 'Alpine Linux', version: '3.22.1' };

const profiles: readonly Profile[] = [
  {
    name: 'host',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/root',
    user: 'root',
    programs: 'all',
    busybox: false,
    os: { id: 'ubuntu', name: 'Ubuntu', version: '24.04.3 LTS (Noble Numbat)' },
  },
  {
    name: 'netshoot',
    shells: { bash: 'bash', sh: 'ash', zsh: 'bash' },
    home: '/root',
    workingDirectory: '/root',
    user: 'root',
    programs: netshoot(),
    busybox: false,
    os: alpine,
  },
  {
    name: 'busybox',
    shells: { sh: 'ash', ash: 'ash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, busyboxApplets),
    busybox: true,
    os: alpine,
  },
  {
    name: 'alpine',
    shells: { sh: 'ash', ash: 'ash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, busyboxApplets),
    busybox: true,
    os: alpine,
  },
  {
    name: 'alpine-curl',
    shells: { sh: 'ash', ash: 'ash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, busyboxApplets, ['curl']),
    busybox: true,
    os: alpine,
  },
  {
    name: 'curl',
    shells: { sh: 'ash', ash: 'ash' },
    home: '/home/curl_user',
    workingDirectory: '/home/curl_user',
    user: 'curl_user',
    programs: set(coreutils, busyboxApplets, ['curl']),
    busybox: true,
    os: alpine,
  },
  {
    name: 'nginx',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, ['curl', 'nginx']),
    busybox: false,
    os: debian,
  },
  {
    name: 'httpd',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/usr/local/apache2',
    user: 'root',
    programs: set(coreutils),
    busybox: false,
    os: debian,
  },
  {
    name: 'dnsutils',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, list('dig nslookup host ping ps clear')),
    busybox: false,
    os: debian,
  },
  {
    name: 'agnhost',
    shells: { sh: 'ash', ash: 'ash', bash: 'bash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, busyboxApplets, list('agnhost curl dig host iperf')),
    busybox: true,
    os: alpine,
  },
  {
    name: 'python',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, list('curl wget ps')),
    busybox: false,
    os: debian,
  },
  {
    name: 'flannel',
    shells: { sh: 'ash', ash: 'ash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, busyboxApplets, list('iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore bridge')),
    busybox: true,
    os: alpine,
  },
  {
    name: 'cilium',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/home/cilium',
    user: 'root',
    programs: set(coreutils, list('cilium cilium-dbg hubble bpftool ip tc iptables iptables-save ip6tables ip6tables-save ipset')),
    busybox: false,
    os: { id: 'ubuntu', name: 'Ubuntu', version: '24.04.3 LTS (Noble Numbat)' },
  },
  {
    name: 'calico',
    shells: { bash: 'bash', sh: 'bash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils, list('calico-node birdcl birdc ip iptables iptables-save ip6tables ip6tables-save ipset conntrack')),
    busybox: false,
    os: { id: 'rhel', name: 'Red Hat Enterprise Linux', version: '9.6 (Plow)' },
  },
  {
    name: 'kube-proxy',
    shells: { sh: 'dash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(list('iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore ipset conntrack cat ls')),
    busybox: false,
    os: debian,
  },
  {
    name: 'debian',
    shells: { bash: 'bash', sh: 'dash' },
    home: '/root',
    workingDirectory: '/',
    user: 'root',
    programs: set(coreutils),
    busybox: false,
    os: debian,
  },
  { name: 'none', shells: {}, home: '/', workingDirectory: '/', user: 'root', programs: set(), busybox: false, os: debian },
];

function set(...lists: readonly (readonly string[])[]): ReadonlySet<string> {
  return new Set(lists.flat());
}

function netshoot(): ReadonlySet<string> {
  return set(
    coreutils,
    list(
      'busybox nslookup dig host wget curl ping traceroute tracepath nc ip bridge route ifconfig arp netstat ps clear more less vi watch kill ss tcpdump conntrack iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore ipset dmesg sysctl nstat arping mtr openssl grpcurl websocat telnet top free df du uptime md5sum sha1sum sha256sum hexdump xxd bc tar jq brctl tc ethtool wg',
    ),
  );
}

/** Repository name (without registry and tag) or its last part, to a profile; the first that fits. */
const byRepository: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)netshoot$/, 'netshoot'],
  [/(?:^|\/)calico\/node$/, 'calico'],
  [/(?:^|\/)calico\//, 'none'],
  [/(?:^|\/)busybox$/, 'busybox'],
  [/(?:^|\/)alpine$/, 'alpine'],
  [/(?:^|\/)curl$/, 'curl'],
  [/(?:^|\/)nginx(?:-unprivileged|-slim)?$/, 'nginx'],
  [/(?:^|\/)httpd$/, 'httpd'],
  [/(?:dnsutils|dnstools)$/, 'dnsutils'],
  [/(?:^|\/)agnhost$/, 'agnhost'],
  [/(?:^|\/)(?:python|node|golang|ruby|openjdk|php|buildpack-deps)$/, 'python'],
  [/(?:^|\/)flannel$/, 'flannel'],
  [/(?:^|\/)cilium$/, 'cilium'],
  [/(?:^|\/)kube-proxy$/, 'kube-proxy'],
  [/(?:^|\/)(?:coredns|pause|whoami|http-echo|etcd|kube-apiserver|kube-scheduler|kube-controller-manager|hello-app|distroless)$/, 'none'],
];

export function profileOfImage(image: string): Profile {
  const withoutDigest = image.split('@')[0] ?? '';
  const colon = withoutDigest.lastIndexOf(':');
  const repository = colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
  const tag = colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(colon + 1) : '';
  const found = byRepository.find(([pattern]) => pattern.test(repository))?.[1] ?? 'debian';
  if (/alpine/.test(tag) && found !== 'none')
    return getProfile(found === 'nginx' || found === 'python' ? 'alpine-curl' : found === 'debian' || found === 'httpd' ? 'alpine' : found);
  return getProfile(found);
}

/** @throws {Error} for a name that is not on this page. */
export function getProfile(name: string): Profile {
  const profile = profiles.find((candidate) => candidate.name === name);
  if (profile === undefined) throw new Error(`no image profile ${name}`);
  return profile;
}

/** Programs of Alpine's images are linked with musl. */
export const libcOf = (profile: string): 'glibc' | 'musl' => (getProfile(profile).os.id === 'alpine' ? 'musl' : 'glibc');

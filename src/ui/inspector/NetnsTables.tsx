/** The tables of one netns at one moment: what `ip`, `bridge`, `conntrack`, `ss`, `iptables`, `nft`, `ipvsadm` and `ipset` would show there. */
import { type ReactNode, useState } from 'react';
import type { LinkTarget, NetnsInspection } from '../../world/views.ts';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Inspector.module.css';
import { RuleRate } from './RuleRate.tsx';
import { Words } from './Words.tsx';

type TableName = 'devices' | 'routes' | 'neighbors' | 'fdb' | 'connections' | 'sockets' | 'rules' | 'ipvs' | 'ipsets';
const MAX_ROWS = 400;

function Table({ head, rows, empty }: { readonly head: readonly string[]; readonly rows: readonly (readonly (string | number)[])[]; readonly empty: string }) {
  if (rows.length === 0) return <p className={styles.none}>{empty}</p>;
  return (
    <ScrollRegion className={styles.tableScroll} label={head[0] ?? 'Table'}>
      <table className={styles.tableText}>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {withKeys(rows.slice(0, MAX_ROWS), (row) => row.join('|')).map(({ key, item }) => (
            <tr key={key}>
              {head.map((name, at) => (
                <td key={name}>{item[at]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MAX_ROWS ? <p className={styles.none}>… and {rows.length - MAX_ROWS} more</p> : null}
    </ScrollRegion>
  );
}

const shortDevice = (id: string) => id.split('/').at(-1) ?? id;
const tuple = (t: NetnsInspection['connections'][number]['original']) =>
  t.icmpId === undefined ? `${t.src}:${t.sport} → ${t.dst}:${t.dport}` : `${t.src} → ${t.dst} id ${t.icmpId}`;

function Chains({ inspection, rule }: { readonly inspection: NetnsInspection; readonly rule: LinkTarget | undefined }) {
  const wanted = rule?.kind === 'chain' ? rule : undefined;
  const playground = usePlayground();
  const [filter, setFilter] = useState('');
  const letters = filter.toLowerCase();
  const chains = inspection.chains.filter(
    (chain) =>
      (wanted === undefined || letters !== '' || chain.id === wanted.id) &&
      (letters === '' || chain.name.toLowerCase().includes(letters) || chain.rules.some((one) => one.text.toLowerCase().includes(letters))),
  );
  return (
    <>
      <input
        className={styles.chainFilter}
        type="search"
        aria-label="Filter chains"
        placeholder="Filter: KUBE-SVC, 10.96.0.10, MASQUERADE"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
        onKeyDown={(event) => event.stopPropagation()}
      />
      {chains.length === 0 ? <p className={styles.none}>No chain fits.</p> : null}
      {chains.slice(0, 80).map((chain) => (
        <details
          key={`${chain.id}:${wanted?.id === chain.id}`}
          className={styles.chainBox}
          open={wanted?.id === chain.id || letters !== '' || chain.policy !== undefined}
        >
          <summary>
            <span className={styles.chainTable}>{chain.table}</span> {chain.name}
            {chain.policy === undefined ? null : (
              <span className={styles.chainPolicy}>
                {' '}
                policy {chain.policy} [{chain.counters.policy[0]}:{chain.counters.policy[1]}]
              </span>
            )}
            <span className={styles.count}> {chain.rules.length}</span>
          </summary>
          <ol className={styles.chainRules}>
            {withKeys(chain.rules, (rule) => rule.text).map(({ key, item: one, index }) => {
              const [packets, bytes] = chain.counters.rules[index] ?? [0, 0];
              return (
                <li key={key} data-wanted={wanted?.id === chain.id && wanted.rule === index} data-hit={packets > 0}>
                  <button type="button" className={styles.rule} onClick={() => playground.select({ kind: 'chain', id: chain.id, rule: index })}>
                    <span className={styles.counter}>
                      [{packets}:{bytes}]
                    </span>{' '}
                    {one.text}
                  </button>
                  {wanted?.id === chain.id && wanted.rule === index ? <RuleRate rule={`${chain.id} ${index}`} packets={packets} /> : null}
                  {wanted?.id === chain.id && wanted.rule === index && inspection.explained !== undefined ? (
                    <p className={styles.ruleWords}>
                      <Words phrases={inspection.explained} />
                    </p>
                  ) : null}
                </li>
              );
            })}
          </ol>
        </details>
      ))}
    </>
  );
}

function content(name: TableName, inspection: NetnsInspection, target: LinkTarget | undefined): ReactNode {
  switch (name) {
    case 'devices':
      return (
        <Table
          head={['device', 'type', 'addresses', 'mtu', 'mac']}
          empty="No device."
          rows={inspection.devices.map((device) => [
            device.name,
            device.vni === undefined ? device.type : `${device.type} ${device.vni}`,
            device.addresses.join(' '),
            device.mtuBytes,
            device.mac,
          ])}
        />
      );
    case 'routes':
      return (
        <Table
          head={['ip route', 'written by']}
          empty="No route: nothing leaves from here."
          rows={inspection.routes.map((route) => [route.text, route.origin])}
        />
      );
    case 'neighbors':
      return (
        <Table
          head={['address', 'device', 'hardware address', 'state']}
          empty="No neighbour is known yet: the first packet to one asks by ARP."
          rows={inspection.neighbors.map((neighbor) => [neighbor.ip, shortDevice(neighbor.device), neighbor.mac ?? '–', neighbor.state])}
        />
      );
    case 'fdb':
      return (
        <Table
          head={['hardware address', 'port', 'to', 'state']}
          empty="No forwarding entry."
          rows={inspection.fdb.map((entry) => [
            entry.mac,
            shortDevice(entry.device),
            entry.dst ?? (entry.master === undefined ? 'self' : `master ${shortDevice(entry.master)}`),
            entry.state,
          ])}
        />
      );
    case 'connections':
      return (
        <Table
          head={['proto', 'original', 'reply', 'state', 'NAT']}
          empty="No connection is tracked at this moment."
          rows={inspection.connections.map((connection) => [
            connection.protocol,
            tuple(connection.original),
            tuple(connection.reply),
            `${connection.tcpState ?? ''}${connection.unreplied ? ' [UNREPLIED]' : ''}${connection.assured ? ' [ASSURED]' : ''} ${connection.timeoutSeconds} s`,
            connection.nat.join(' '),
          ])}
        />
      );
    case 'sockets':
      return (
        <Table
          head={['proto', 'state', 'local', 'remote', 'process']}
          empty="No socket."
          rows={inspection.sockets.map((socket) => [
            socket.protocol,
            socket.state,
            `${socket.localIp}:${socket.localPort}`,
            socket.remotePort === 0 ? '*' : `${socket.remoteIp}:${socket.remotePort}`,
            socket.process,
          ])}
        />
      );
    case 'rules':
      return <Chains inspection={inspection} rule={target} />;
    case 'ipvs':
      return (
        <Table
          head={['virtual server', 'to', 'weight', 'active', 'inactive', 'connections']}
          empty="No virtual server."
          rows={inspection.virtualServers.flatMap((service) =>
            service.servers.length === 0
              ? [[`${service.protocol} ${service.address} ${service.scheduler}`, 'no server', '', '', '', '']]
              : service.servers.map((server, index) => [
                  index === 0 ? `${service.protocol} ${service.address} ${service.scheduler}` : '',
                  server.address,
                  server.weight,
                  server.active,
                  server.inactive,
                  server.connections,
                ]),
          )}
        />
      );
    case 'ipsets':
      return (
        <Table
          head={['set', 'type', 'members']}
          empty="No set."
          rows={inspection.ipsets.map((set) => [set.name, set.type, set.members.length === 0 ? '–' : set.members.join('  ')])}
        />
      );
  }
}

export function NetnsTables({ inspection, target }: { readonly inspection: NetnsInspection; readonly target: LinkTarget | undefined }) {
  const tables: readonly (readonly [TableName, string, number])[] = [
    ['devices', 'Devices', inspection.devices.length],
    ['routes', 'Routes', inspection.routes.length],
    ['neighbors', 'Neighbours', inspection.neighbors.length],
    ['fdb', 'FDB', inspection.fdb.length],
    ['connections', 'Conntrack', inspection.connections.length],
    ['sockets', 'Sockets', inspection.sockets.length],
    ['rules', inspection.chains.some((chain) => chain.table.includes(' kube-proxy')) ? 'Rules' : 'iptables', inspection.chains.length],
    ...(inspection.virtualServers.length === 0 ? [] : [['ipvs', 'IPVS', inspection.virtualServers.length] as const]),
    ...(inspection.ipsets.length === 0 ? [] : [['ipsets', 'ipsets', inspection.ipsets.length] as const]),
  ];
  const [chosen, setChosen] = useState<TableName | undefined>(undefined);
  const [seen, setSeen] = useState(target);
  if (seen !== target) {
    setSeen(target);
    if (target?.kind === 'chain') setChosen('rules');
  }
  // What a bridge or a tunnel knows is its forwarding table.
  const device = target?.kind === 'device' ? inspection.devices.find((one) => one.id === target.id) : undefined;
  const forwards = inspection.fdb.length > 0 && (device?.type === 'bridge' || device?.type === 'vxlan');
  const wanted = chosen ?? (target?.kind === 'chain' ? 'rules' : target?.kind === 'device' ? (forwards ? 'fdb' : 'devices') : 'routes');
  // The mode was switched while its own table was open.
  const shown = tables.some(([name]) => name === wanted) ? wanted : 'rules';
  const { netns } = inspection;
  return (
    <>
      {netns.type === 'pod' && netns.containers.length > 0 ? (
        <p className={styles.containers}>
          {netns.containers.map((container) => (
            <span key={container.name} data-role={container.role}>
              {container.role === 'pause' ? 'pause holds this netns' : `${container.name}: ${container.image}`}
              {container.ready ? '' : ' (not ready)'}
            </span>
          ))}
        </p>
      ) : null}
      <div className={styles.tableTabs} role="tablist" aria-label="Tables">
        {tables.map(([name, label, count]) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={shown === name}
            className={shown === name ? styles.tableTabOn : styles.tableTab}
            onClick={() => setChosen(name)}
          >
            {label} <span className={styles.count}>{count}</span>
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-label={shown}>
        {content(shown, inspection, target)}
      </div>
    </>
  );
}

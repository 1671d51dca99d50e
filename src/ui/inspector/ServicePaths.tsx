/** How each node spreads a Service's connections: the share that is written, and the one that was counted. */
import type { ServicePathView } from '../../world/views.ts';
import { usePlayground } from '../state/context.ts';
import styles from './ServicePaths.module.css';

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const shortPod = (key: string): string => key.slice(key.lastIndexOf('/') + 1);
/** Endpoints of one node that are listed. */
const MAX_ROWS = 24;

const SPOKEN: Readonly<Record<ServicePathView['measuredBy'], string>> = {
  'rule counters': 'counted by its rules',
  'conntrack entries': 'that conntrack remembers',
  'ipvsadm --stats': 'counted by IPVS',
  'cilium_lb4_reverse_sk entries': 'told to sockets of this node',
};

function NodePath({ path }: { readonly path: ServicePathView }) {
  const playground = usePlayground();
  const total = path.shares.reduce((sum, one) => sum + one.seen, 0);
  return (
    <section className={styles.node} aria-label={`${path.name} on ${path.node}`}>
      <p className={styles.head}>
        <strong>{path.node}</strong>
        <span className={styles.mode}>{path.mode}</span>
        <button type="button" className={styles.name} title={path.name} onClick={() => playground.select(path.link)}>
          {path.name}
        </button>
      </p>
      <ul className={styles.shares}>
        {path.shares.slice(0, MAX_ROWS).map((one) => {
          const share = total === 0 ? 0 : one.seen / total;
          return (
            <li key={one.address}>
              <span className={styles.address}>{one.address}</span>
              <span className={styles.pod}>{one.pod === undefined ? 'no pod' : shortPod(one.pod)}</span>
              <span className={styles.bar} aria-hidden="true">
                <span className={styles.fill} style={{ inlineSize: `${share * 100}%` }} />
                <span className={styles.plan} style={{ insetInlineStart: `calc(${one.planned * 100}% - 1px)` }} />
              </span>
              <span className={styles.numbers}>
                {total === 0 ? `planned ${percent(one.planned)}` : `${one.seen} · ${percent(share)} of ${percent(one.planned)} planned`}
              </span>
            </li>
          );
        })}
      </ul>
      {path.shares.length > MAX_ROWS ? <p className={styles.note}>… and {path.shares.length - MAX_ROWS} more</p> : null}
      <p className={styles.note}>
        {total === 0 ? 'no connection' : total === 1 ? '1 connection' : `${total} connections`} {SPOKEN[path.measuredBy]}
      </p>
    </section>
  );
}

export function ServicePaths({ paths }: { readonly paths: readonly ServicePathView[] }) {
  if (paths.length === 0) return <p className={styles.note}>No node holds a rule that leads to an endpoint of it.</p>;
  return paths.map((path) => <NodePath key={`${path.node} ${path.mode} ${path.name}`} path={path} />);
}

/** The packet as boxes in boxes, outermost first; old values are struck through beside the new. */
import { useMemo } from 'react';
import type { Layer } from '../../net/wire/packet.ts';
import { withKeys } from '../shell/with-keys.ts';
import { useMirror } from '../state/context.ts';
import { buildCake, type CakeBox, type CakeValue } from './cake.ts';
import styles from './Inspector.module.css';

function Value({ value, arrow }: { readonly value: CakeValue; readonly arrow?: boolean }) {
  return (
    <span className={styles.value}>
      {arrow === true ? <span className={styles.arrow}>→ </span> : null}
      {value.before === undefined ? (
        value.text
      ) : (
        <>
          <ins className={styles.changed}>{value.text}</ins> <del className={styles.old}>{value.before}</del>
        </>
      )}
    </span>
  );
}

function Box({ box }: { readonly box: CakeBox }) {
  return (
    // A frame within a frame is no landmark twice.
    <fieldset className={styles.layer} data-family={box.family} aria-label={box.title}>
      <div className={styles.layerTitle}>
        {box.title}
        {box.added ? <span className={styles.added}>added</span> : null}
      </div>
      {box.from === undefined && box.to === undefined ? null : (
        <div className={styles.addresses}>
          {box.from === undefined ? null : <Value value={box.from} />}
          {box.to === undefined ? null : <Value value={box.to} arrow />}
        </div>
      )}
      {box.details.length === 0 ? null : (
        <div className={styles.details}>
          {withKeys(box.details, (detail) => detail.text).map(({ key, item }) => (
            <Value key={key} value={item} />
          ))}
        </div>
      )}
      {box.children.map((child) => (
        <Box key={child.key} box={child} />
      ))}
    </fieldset>
  );
}

export function LayerCake({ layers, before }: { readonly layers: readonly Layer[]; readonly before: readonly Layer[] | undefined }) {
  const topology = useMirror((mirror) => mirror.topology);
  const names = useMemo(() => {
    const titles = new Map(topology.netnses.map((netns) => [netns.id, netns.title]));
    return new Map(
      topology.devices
        .filter((device) => device.mac !== '00:00:00:00:00:00')
        .map((device) => [device.mac, `${titles.get(device.netns) ?? device.netns}/${device.name}`]),
    );
  }, [topology]);
  const cake = useMemo(() => buildCake(layers, before, (mac) => names.get(mac)), [layers, before, names]);
  return (
    <div className={styles.cake}>
      {cake.removed.length === 0 ? null : (
        <div className={styles.removed}>
          taken off: <del>{cake.removed.join(' · ')}</del>
        </div>
      )}
      {cake.boxes.map((box) => (
        <Box key={box.key} box={box} />
      ))}
    </div>
  );
}

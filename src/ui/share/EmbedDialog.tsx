/** Embed: options, the iframe to paste, and what it will look like. */
import { useState } from 'react';
import type { Lens } from '../canvas/contract.ts';
import { Dialog } from '../shell/Dialog.tsx';
import { Segmented } from '../shell/Segmented.tsx';
import { useDocument, usePlaybackSnapshot, useSession } from '../state/context.ts';
import { CopyField } from './CopyField.tsx';
import { type EmbedOptions, embedAddress, embedSnippet, pageAddress } from './links.ts';
import styles from './Share.module.css';
import { useFragment } from './use-fragment.ts';

export function EmbedDialog({ onClose }: { readonly onClose: () => void }) {
  const title = useDocument((document) => document.title);
  const lens = useSession((session) => session.lens);
  const { index } = usePlaybackSnapshot();
  const shared = useFragment(false);
  const [options, setOptions] = useState<EmbedOptions>({
    theme: 'auto',
    lens,
    controls: 'full',
    autoplay: false,
    loop: false,
    step: undefined,
    caption: '',
    heightPx: 420,
  });
  const change = (part: Partial<EmbedOptions>) => setOptions((before) => ({ ...before, ...part }));
  const address = shared === undefined ? '' : embedAddress(pageAddress(location.href), shared.fragment, options);
  return (
    <Dialog title="Embed" onClose={onClose} wide>
      <div className={styles.embed}>
        <div className={styles.options}>
          <Segmented
            label="Theme"
            value={options.theme}
            options={[
              ['auto', 'Auto'],
              ['light', 'Light'],
              ['dark', 'Dark'],
            ]}
            onChange={(theme) => change({ theme })}
          />
          <Segmented<Lens>
            label="Lens"
            value={options.lens}
            options={[
              ['wires', 'Wires'],
              ['services', 'Services'],
              ['policy', 'Policy'],
            ]}
            onChange={(next) => change({ lens: next })}
          />
          <Segmented
            label="Controls"
            value={options.controls}
            options={[
              ['full', 'Full'],
              ['min', 'Few'],
              ['none', 'None'],
            ]}
            onChange={(controls) => change({ controls })}
          />
          <label className={styles.option}>
            <input type="checkbox" checked={options.autoplay} onChange={(event) => change({ autoplay: event.target.checked })} />
            Plays by itself when in view
          </label>
          <label className={styles.option}>
            <input type="checkbox" checked={options.loop} onChange={(event) => change({ loop: event.target.checked })} />
            Again and again
          </label>
          <label className={styles.option}>
            <input
              type="checkbox"
              checked={options.step !== undefined}
              disabled={index < 0}
              onChange={(event) => change({ step: event.target.checked ? index + 1 : undefined })}
            />
            Stands at this hop{index < 0 ? '' : ` (${index + 1})`}
          </label>
          <label className={styles.field}>
            Caption
            <input value={options.caption} maxLength={140} onChange={(event) => change({ caption: event.target.value })} />
          </label>
          <label className={styles.field}>
            Height, px
            <input
              type="number"
              min={200}
              max={1200}
              step={20}
              value={options.heightPx}
              onChange={(event) => change({ heightPx: Math.min(1200, Math.max(200, Number(event.target.value) || 420)) })}
            />
          </label>
        </div>
        <div className={styles.preview}>
          {address === '' ? null : (
            <iframe key={address} src={address} title={`Preview: ${title}`} sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" />
          )}
        </div>
      </div>
      <CopyField label="HTML" text={address === '' ? '' : embedSnippet(address, `Kubehop: ${title}`, options.heightPx)} rows={4} />
      <p className={styles.length}>The frame needs no permission but scripts, stores nothing, and never takes the page’s scroll wheel.</p>
    </Dialog>
  );
}

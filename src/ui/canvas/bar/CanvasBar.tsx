/** The bar over the canvas: building, layers, focus, groups; and the layers and the menu that come with it. */
import { useEffect, useLayoutEffect, useMemo } from 'react';
import { useMirror, usePlayground, useSession } from '../../state/context.ts';
import type { CanvasSheet } from '../../state/session.ts';
import { useClose } from '../close/use-close.ts';
import type { CanvasTools } from '../contract.ts';
import { ControlSheet } from '../control/ControlSheet.tsx';
import { type Control, useControl } from '../control/use-control.ts';
import { deliveryLayer } from '../delivery-layer.ts';
import { useFlows } from '../flows/use-flows.ts';
import { focusLayer, isFocused } from '../focus.ts';
import { layerOf } from '../layer-of.ts';
import type { OverlayLayer, Shown } from '../overlay.ts';
import { Workbench } from '../workbench/Workbench.tsx';
import { BoxMenu } from './BoxMenu.tsx';
import styles from './CanvasBar.module.css';
import { GroupsSheet } from './GroupsSheet.tsx';
import { LayersSheet } from './LayersSheet.tsx';
import { useBirths } from './use-births.ts';
import { useGroups } from './use-groups.ts';

/** What else is drawn above the boxes, and which packets are seen. */
function useLayers({ overlay }: CanvasTools, { layer: control, moving }: Control): void {
  const { mirror } = usePlayground();
  const list = useMirror((state) => state.deliveries);
  const hosts = useMirror((state) => state.topology.hosts);
  const focus = useSession((session) => session.focus);
  const hidden = useSession((session) => session.hiddenLayers);
  const late = useMemo(() => {
    const apiServer = hosts.find((host) => host.controlPlane === true)?.id ?? hosts.find((host) => host.role === 'node')?.id ?? '';
    return list.length === 0 ? undefined : deliveryLayer(list, apiServer, mirror.getState().nowNs, performance.now());
  }, [list, hosts, mirror]);
  const births = useBirths();
  const close = useClose(overlay);
  const flows = useFlows();
  useLayoutEffect(() => {
    const layers: OverlayLayer[] = [
      ...flows,
      close,
      ...(focus ? [focusLayer()] : []),
      ...(late === undefined || hidden.includes('control') ? [] : [late]),
      // The control plane's own steps tell of a new pod too.
      ...(births === undefined || control !== undefined ? [] : [births]),
      ...(control === undefined ? [] : [control]),
    ];
    const shown: Shown | undefined =
      focus || hidden.length > 0 ? (hop, current) => (!focus || isFocused(hop, current)) && !hidden.includes(layerOf(hop)) : undefined;
    overlay?.setLayers(layers, shown);
    overlay?.draw();
    return () => overlay?.setLayers([]);
  }, [overlay, focus, hidden, late, births, close, flows, control]);
  // Messages move by themselves, also while no packet is played; with reduced motion they step with each update of the world.
  useEffect(() => {
    if ((late === undefined && births === undefined && !moving) || overlay === undefined || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    let frame = 0;
    const step = () => {
      overlay.draw();
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [late, births, moving, overlay]);
}

export function CanvasBar({ tools }: { readonly tools: CanvasTools }) {
  const { session } = usePlayground();
  const sheet = useSession((state) => state.sheet);
  const focus = useSession((state) => state.focus);
  const hidden = useSession((state) => state.hiddenLayers);
  const grouping = useSession((state) => state.grouping);
  const list = useMirror((state) => state.deliveries);
  const control = useControl(sheet === 'control');
  useLayers(tools, control);
  useGroups(tools);
  const close = () => session.setState({ sheet: undefined });
  const opener = (name: CanvasSheet, label: string) => (
    <button type="button" aria-expanded={sheet === name} onClick={() => session.setState({ sheet: sheet === name ? undefined : name })}>
      {label}
    </button>
  );
  return (
    <>
      <fieldset className={styles.bar} aria-label="Canvas" style={{ margin: 0, padding: 0 }}>
        {opener('build', '+ Build')}
        {opener('layers', hidden.length === 0 ? 'Layers' : `Layers −${hidden.length}`)}
        <button type="button" aria-pressed={focus} title="Only what the packet at the playhead touches" onClick={() => session.setState({ focus: !focus })}>
          Focus
        </button>
        {opener('control', 'Control')}
        {opener('groups', grouping.by === 'node' ? 'Group' : `By ${grouping.by === 'label' ? grouping.key : grouping.by}`)}
      </fieldset>
      {sheet === 'build' ? <Workbench tools={tools} onClose={close} /> : null}
      {sheet === 'layers' ? <LayersSheet onClose={close} /> : null}
      {sheet === 'control' ? <ControlSheet view={control.view} onClose={close} /> : null}
      {sheet === 'groups' ? <GroupsSheet onClose={close} /> : null}
      <BoxMenu tools={tools} />
      {list.length === 0 ? null : (
        <ul className="visually-hidden" aria-label="Changes on their way">
          {list.slice(0, 20).map((one) => (
            <li key={`${one.component} ${one.host ?? ''} ${one.objectKey} ${one.sentNs}`}>{one.sentence}</li>
          ))}
        </ul>
      )}
    </>
  );
}

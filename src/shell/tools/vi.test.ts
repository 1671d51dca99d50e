/** vi and kubectl edit where somebody shows the text: the session waits, the answer is an input that replays. */
import { expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import type { World } from '../../world/world.ts';

const editing = (world: World): { readonly path: string; readonly text: string } | undefined => world.sessions().find((view) => view.id === 'main')?.editing;

it('vi shows a file and waits until it is saved', () => {
  const world = openArticle({ editor: true });
  runLine(world, 'echo one > notes');
  world.command('main', 'vi notes; echo after; cat notes');
  expect(editing(world)).toEqual({ path: '/root/notes', text: 'one\n' });
  world.edited('main', 'two\n');
  expect(editing(world)).toBeUndefined();
  expect(runLine(world, 'cat notes').stdout).toBe('two\n');
});

it('kubectl edit opens again with what the server refuses, and ends when the pane is closed without', () => {
  const world = openArticle({ editor: true });
  world.command('main', 'kubectl edit svc web-service');
  const { text = '' } = editing(world) ?? {};
  expect(text).toMatch(/^# Please edit the object below\./);
  world.edited('main', text.replace('port: 80\n', 'port: 0\n'));
  expect(editing(world)?.text).toContain(
    '# services "web-service" was not valid:\n# * spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n#\n',
  );
  world.edited('main', text.replace('app: web\n', 'app: other\n'));
  expect(editing(world)).toBeUndefined();
  expect(runLine(world, 'kubectl get svc web-service -o jsonpath={.metadata.labels.app}').stdout).toBe('other');
  world.command('main', 'kubectl edit svc web-service');
  world.edited('main', undefined);
  expect(runLine(world, 'echo $?').stdout).toBe('0\n');
});

it('what was edited is part of the document, and the same inputs give the same world', () => {
  const world = openArticle({ editor: true });
  runLine(world, 'echo one > notes');
  world.command('main', 'vi notes');
  world.edited('main', 'three\n');
  const again = openArticle({ editor: true, inputs: world.document().inputs });
  expect(runLine(again, 'cat notes').stdout).toBe('three\n');
});

it('without an editor pane vi says so', () => {
  expect(runLine(openArticle(), 'vi notes')).toMatchObject({
    exitCode: 1,
    stderr: 'vi: this terminal has no full-screen programs; use sed -i, or cat > notes <<EOF\n',
  });
});

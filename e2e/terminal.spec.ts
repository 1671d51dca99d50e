/** The terminal: the article's commands, several shells at once, and the keys that a shell has. */
import { ANSWER, CURL } from './app.ts';
import { expect, test } from './fixtures.ts';

test('kubectl prints what kubectl prints', async ({ app }) => {
  await app.openPaused();
  const pods = await app.run('kubectl get pods -o wide');
  expect(pods.split('\n')[0]).toMatch(/^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES\s*$/);
  expect(pods).toMatch(/client\s+1\/1\s+Running\s+0\s+\S+\s+10\.244\.0\.3\s+controlplane\s+<none>\s+<none>/);
  expect(pods.match(/web-\S+-\S{5}\s+1\/1\s+Running\s+0\s+\S+\s+10\.244\.1\.[345]\s+node01/g)).toHaveLength(3);

  expect(await app.run('kubectl expose deployment web --name=web-two --type=ClusterIP --port=80 --target-port=80')).toBe('service/web-two exposed');
  const described = await app.run('kubectl describe service web-two');
  expect(described).toMatch(/^Name:\s+web-two$/m);
  expect(described).toMatch(/^Endpoints:\s+10\.244\.1\.3:80,10\.244\.1\.4:80,10\.244\.1\.5:80$/m);
  await expect(app.box(/^Service web-two .* 3 ready endpoints/)).toBeAttached();
  expect(await app.run('kubectl exec client -- curl -s web-two')).toMatch(ANSWER);

  expect(await app.run('kubectl get nope')).toBe('error: the server doesn\'t have a resource type "nope"');
  expect(await app.run('kubectl get pods -A | grep coredns | wc -l')).toMatch(/^2$/);
  expect(await app.run('kubectl exec client -- nslookup web-service')).toContain('web-service.default.svc.cluster.local');
});

test('ssh leads to the other node and exit back', async ({ app }) => {
  await app.openPaused();
  await expect(app.prompt).toHaveAccessibleName(/controlplane/);
  await app.run('ssh node01');
  expect(await app.run('hostname')).toBe('node01');
  expect(await app.run('ip route')).toContain('10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink');
  expect(await app.run('bridge fdb show dev flannel.1')).toContain('dst 172.30.1.2');
  await app.run('exit');
  expect(await app.run('hostname')).toBe('controlplane');
});

test('tcpdump streams in one tab while curl runs in another, until Ctrl-C', async ({ app, page }) => {
  await app.openPaused();
  await app.terminal.getByRole('button', { name: 'New shell' }).click();
  await page.getByRole('menuitem', { name: /^node01/ }).click();
  const shells = app.terminal.getByRole('tab');
  await expect(shells).toHaveCount(2);
  await expect(shells.nth(1)).toHaveAttribute('aria-selected', 'true');
  await app.start('tcpdump -i flannel.1 -nn tcp');
  await expect(app.output).toContainText('listening on flannel.1');

  await shells.nth(0).click();
  expect(await app.run(CURL)).toMatch(ANSWER);
  await shells.nth(1).click();
  await expect(app.output).toContainText(/IP 10\.244\.0\.[03]\.\d+ > 10\.244\.1\.[345]\.80: Flags \[S\], seq \d+/);
  await expect(app.output).toContainText(/> 10\.244\.0\.[03]\.\d+: Flags \[S\.\]/);
  await expect(app.output).not.toContainText('packets captured');

  await app.prompt.press('Control+c');
  await expect(app.output).toContainText(/\d+ packets captured/);
  await expect(app.prompt).not.toHaveAttribute('placeholder', /running/);
  expect(await app.run('hostname')).toBe('node01');
  await app.terminal.getByRole('button', { name: /^Close / }).click();
  await expect(shells).toHaveCount(1);
});

test('a shell opens inside a pod, and ping runs until Ctrl-C', async ({ app, page }) => {
  await app.openPaused();
  await app.terminal.getByRole('button', { name: 'New shell' }).click();
  await page.getByRole('menuitem', { name: /^client/ }).click();
  await expect(app.terminal.getByRole('tab')).toHaveCount(2);
  expect(await app.run('cat /etc/resolv.conf')).toMatch(/nameserver 10\.96\.0\.10/);
  await app.start('ping 10.244.1.3');
  await expect(app.output).toContainText(/64 bytes from 10\.244\.1\.3: icmp_seq=2 ttl=62 time=/);
  await app.prompt.press('Control+c');
  await expect(app.output).toContainText(/\d+ packets transmitted, \d+ (?:packets )?received/);
});

test('arrows bring back earlier lines, Ctrl-R searches them, Tab completes, Ctrl-L clears', async ({ app, page }) => {
  await app.openPaused();
  await app.run('hostname');
  await app.run('kubectl get nodes');
  await app.prompt.press('ArrowUp');
  await expect(app.prompt).toHaveValue('kubectl get nodes');
  await app.prompt.press('ArrowUp');
  await expect(app.prompt).toHaveValue('hostname');
  await app.prompt.press('ArrowDown');
  await app.prompt.press('ArrowDown');
  await expect(app.prompt).toHaveValue('');

  await app.prompt.press('Control+r');
  await page.keyboard.type('host');
  await expect(app.prompt).toHaveValue('hostname');
  await app.prompt.press('Escape');
  await expect(app.prompt).toHaveValue('hostname');

  await app.prompt.fill('kubectl descr');
  await app.prompt.press('Tab');
  await expect(app.prompt).toHaveValue('kubectl describe ');
  await expect.poll(() => app.prompt.evaluate((field: HTMLInputElement) => field.selectionStart)).toBe('kubectl describe '.length);
  await page.keyboard.type('service web-s');
  await app.prompt.press('Tab');
  await expect(app.prompt).toHaveValue('kubectl describe service web-service ');
  await app.prompt.press('Control+u');
  await expect(app.prompt).toHaveValue('');

  await app.prompt.press('Control+l');
  await expect(app.output).not.toContainText('controlplane');
  await app.prompt.press('Escape');
  await app.prompt.press('Tab');
  await expect(app.prompt, 'Escape, then Tab leaves').not.toBeFocused();
});

test('an address in the output leads to its box', async ({ app }) => {
  await app.openPaused();
  await app.run('kubectl get pods -o wide');
  await app.output.getByRole('button', { name: '10.244.0.3' }).last().click();
  await expect(app.inspector.getByRole('heading', { name: 'client' })).toBeVisible();
  await expect(
    app
      .box(/^Pod client/)
      .or(app.box(/^Node controlplane/))
      .first(),
  ).toBeAttached();
});

test('kubectl edit opens its text in the editor pane, and what is saved there is applied', async ({ app, page }) => {
  await app.openPaused();
  await app.start('kubectl edit deployment web');
  const text = page.getByRole('textbox', { name: /^Text of \/tmp\/kubectl-edit-/ });
  await expect(text).toHaveValue(/replicas: 3/);
  await text.fill((await text.inputValue()).replace('replicas: 3', 'replicas: 5'));
  await page.getByRole('button', { name: 'Save and close' }).click();
  await expect(app.output.getByText('deployment.apps/web edited')).toBeVisible();
  expect(await app.run('kubectl get deployment web --no-headers')).toMatch(/5\/5/);
});

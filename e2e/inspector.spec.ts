/** The inspector: what a hop did to the packet, which rule or route decided, which line of YAML is behind it, and why a packet died. */
import { CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

test('a DNAT shows the old and the new address, the rules that matched and the YAML behind them', async ({ app, page }) => {
  await app.openPaused();
  await app.seekRow('proto:tcp', /DNAT/);
  await expect(app.inspector.getByRole('heading', { level: 2 })).toContainText(/DNAT/);
  const ip = app.inspector.getByRole('group', { name: /^IPv4/ });
  await expect(ip.getByRole('deletion')).toHaveText('10.97.253.216');
  await expect(ip.getByRole('insertion')).toHaveText(/10\.244\.1\.[345]/);

  const rules = app.inspector.getByRole('list').filter({ hasText: 'KUBE-SERVICES' });
  await expect(rules.getByRole('button', { name: /KUBE-SEP-\S+ DNAT/ })).toBeVisible();
  await expect(rules.getByRole('button', { name: /KUBE-SVC-\S+ → KUBE-SEP-/ })).toBeVisible();

  const behind = app.inspector.getByRole('button', { name: /^YAML behind it: web\.yaml:\d+/ });
  const line = Number(/:(\d+)$/.exec((await behind.textContent()) ?? '')?.[1]);
  const wanted = articleFile('web.yaml').split('\n')[line - 1] ?? '';
  expect(wanted.trim(), 'the line says something').not.toBe('');
  await app.edit('client.yaml');
  await behind.click();
  await expect(app.editor.getByRole('tab', { name: 'web.yaml' })).toHaveAttribute('aria-selected', 'true');
  await app.editor.getByRole('textbox', { name: /^YAML editor/ }).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Shift+Home');
  await page.keyboard.press('ControlOrMeta+c');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(wanted.trim());

  // The cursor in the text leads to its box; the hop is one tab away.
  await expect(app.inspector.getByRole('heading', { name: 'web-service' })).toBeVisible();
  await app.inspector.getByRole('tab', { name: 'Hop' }).click();
  await rules.getByRole('button', { name: /KUBE-SVC-\S+ → KUBE-SEP-/ }).click();
  await expect(app.inspector.getByRole('tab', { name: /^iptables/ })).toHaveAttribute('aria-selected', 'true');
  await expect(app.inspector.getByText(/--mode random --probability 0\.33333/)).toBeVisible();
});

test('the YAML link shows the line before the editor was ever touched', async ({ app }) => {
  await app.openPaused();
  await app.editor.getByRole('tab', { name: 'client.yaml' }).click();
  await app.seekRow('proto:tcp', /DNAT/);
  const behind = app.inspector.getByRole('button', { name: /^YAML behind it: web\.yaml:\d+/ });
  const line = Number(/:(\d+)$/.exec((await behind.textContent()) ?? '')?.[1]);
  const wanted = (articleFile('web.yaml').split('\n')[line - 1] ?? '').trim();
  await behind.click();
  await expect(app.editor.getByText(wanted).first()).toBeInViewport();
});

test('the route that decided is the one that ip route shows', async ({ app }) => {
  await app.openPaused();
  await app.seekRow('proto:tcp', /controlplane route .* 10\.244\.1\.[345]:80/);
  await expect(app.inspector.getByRole('heading', { name: 'Route that decided' })).toBeVisible();
  await expect(app.inspector.getByText('10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink').last()).toBeVisible();
});

test('an encapsulated packet is a frame within a datagram', async ({ app }) => {
  await app.openPaused();
  await app.seekRow('encapsulated', /encapsulated/i);
  const outer = app.inspector.getByRole('group', { name: 'Outer IPv4 · UDP 8472 · VXLAN vni 1' });
  await expect(outer.getByRole('group', { name: 'Ethernet' }).getByRole('group', { name: 'IPv4' })).toBeVisible();
  await expect(app.inspector.getByText('added').first()).toBeVisible();
  await expect(app.inspector.getByText('172.30.2.2').first()).toBeVisible();
});

test('a box clicked on the canvas shows its tables and its YAML', async ({ app, page }) => {
  await app.openPaused();
  const name = await page.getByTestId('canvas').locator('svg').getByText('client', { exact: true }).first().boundingBox();
  if (name === null) throw new Error('the canvas does not show the pod');
  await page.mouse.click(name.x + name.width / 2, name.y + name.height / 2);
  await expect(app.inspector.getByRole('heading', { name: 'client' })).toBeVisible();
  await expect(app.editor.getByRole('tab', { name: 'client.yaml' })).toHaveAttribute('aria-selected', 'true');
  await expect(app.inspector.getByText('default via 10.244.0.1 dev eth0')).toBeVisible();
  await app.inspector.getByRole('tab', { name: /^Devices/ }).click();
  await expect(app.inspector.getByRole('cell', { name: '1450' })).toBeVisible();
});

test('a deleted route: the packet’s death is drawn and explained', async ({ app }) => {
  await app.openPaused();
  expect(await app.run('ip route del 10.244.1.0/24')).toBe('');
  await app.run('kubectl exec client -- curl -s -m 3 10.244.1.3');
  await app.seekRow('✕', /✕/);
  await expect(app.nowLine).toContainText('✕');
  await expect(app.inspector.getByRole('heading', { level: 2 })).toContainText('✕');
  await expect(app.inspector.getByText('What would fix it:')).toBeVisible();
});

test('a Service without pods: refused at once by the rule that says so', async ({ app }) => {
  await app.openPaused();
  await app.run('kubectl scale deployment web --replicas=0');
  await expect(app.box(/^Service web-service .* 0 ready endpoints/)).toBeAttached();
  await app.run(CURL.replace('-s', '-sS'));
  expect(await app.text()).toMatch(/Failed to connect to web-service port 80.*|Connection refused/);
  await app.seekRow('✕', /✕/);
  await expect(app.inspector.getByText(/has no endpoints/).first()).toBeVisible();
  await expect(app.inspector.getByText('What would fix it:')).toBeVisible();
});

test('a wrong targetPort: the pod’s kernel refuses, and the inspector says that nobody listens', async ({ app }) => {
  await app.openPaused();
  await app.paste('web.yaml', articleFile('web.yaml').replace('targetPort: 80 ', 'targetPort: 8080 '));
  await expect(app.status).toHaveText('applied');
  await app.run(CURL.replace('-s', '-sS'));
  expect(await app.text()).toMatch(/curl: \(7\) Failed to connect to web-service port 80/);
  await app.seekRow('✕', /✕/);
  await expect(app.inspector.getByText(/8080/).first()).toBeVisible();
  await expect(app.inspector.getByText('What would fix it:')).toBeVisible();
});

test('a pod with a rate: the Service that it asks shows requests, latencies and who answered', async ({ app, page }) => {
  await app.openPaused();
  await app.run('kubectl annotate pod client "kubehop.dev/rate=http://web-service/ 20/s"');
  const name = await page.getByTestId('canvas').locator('svg').getByText('web-service', { exact: true }).first().boundingBox();
  if (name === null) throw new Error('the canvas does not show the Service');
  await page.mouse.click(name.x + name.width / 2, name.y + name.height / 2);
  const requests = app.inspector.getByRole('region', { name: 'Requests in the last minute' });
  await expect(requests.getByRole('table', { name: 'Who answered' }).getByRole('row')).toHaveCount(3);
  await expect(requests.getByRole('table', { name: 'What came of them since they began' }).getByRole('row', { name: /^2xx \d+$/ })).toBeVisible();
  await expect(requests.getByText(/client → http:\/\/web-service\//)).toBeVisible();
});

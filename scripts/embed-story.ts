/** Run by the build: lets the engine play the article's first minute and prints the embed's page with that story and its first picture inside. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { articleFiles, clusterFiles } from '../src/cli/load.ts';
import { createShell } from '../src/shell/index.ts';
import { topologySvg } from '../src/ui/canvas/svg.ts';
import { FIRST_COMMAND, type Story } from '../src/ui/embed/story.ts';
import { allParts } from '../src/world/all-parts.ts';
import { World } from '../src/world/world.ts';

const root = process.argv[2] ?? '.';

function tellArticle(): Story {
  const world = World.open({
    parts: allParts,
    document: { version: 1, seed: 1, files: articleFiles(root), inputs: [], positions: {} },
    baseFiles: clusterFiles(root),
    createShell,
  });
  const from = world.headSeq;
  if (world.command('main', FIRST_COMMAND) !== 0) throw new Error(`the article's first command failed: ${FIRST_COMMAND}`);
  return { label: FIRST_COMMAND, topology: world.topology(), hops: world.hops(from, world.headSeq) };
}

const story = tellArticle();
// `<` cannot end the script element when it is written as an escape.
const data = JSON.stringify(story).replaceAll('<', '\\u003c');
const page = readFileSync(join(root, 'embed', 'v1', 'index.html'), 'utf8');
const picture = topologySvg(story.topology, {
  variables: true,
  density: 'compact',
  title: 'The article’s cluster: two nodes, flannel, CoreDNS and web-service',
});
const marker = '<!-- first-picture -->';
if (!page.includes(marker)) throw new Error(`embed/v1/index.html has no ${marker}`);
process.stdout.write(
  page
    .replace(marker, () => `<div class="first">${picture}</div>`)
    .replace('<script src="./embed.js">', () => `<script type="application/json" id="story">${data}</script>\n    <script src="./embed.js">`),
);

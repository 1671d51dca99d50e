/** A page for looking at the embed without a world: its own parameters, and `story=drop`. */
import '../../embed/embed.css';
import { startEmbed } from '../../embed/embed-page.ts';
import { curlHops, dropHops } from './article.ts';
import { fakeClient } from './fake-client.ts';

const root = document.getElementById('root');
const story = new URLSearchParams(location.search).get('story');
if (root !== null) void startEmbed(root, () => fakeClient(story === 'drop' ? dropHops() : curlHops()));

/** Words, here-documents and names of an exported bash script: nothing from a record can break out of its place. */

/** @throws {Error} with a sentence for people, where a text could not stand as one word of a command. */
export function word(text: string): string {
  if (!/^[\w.@:/+%-]+$/.test(text) || text.startsWith('-')) throw new Error(`"${text}" cannot be exported: it is not one plain word`);
  return text;
}

/** `command <<'EOF' … EOF`, with a delimiter that no line of the text is. */
export function hereDocument(command: string, text: string): string {
  const lines = new Set(text.split('\n'));
  let delimiter = 'EOF';
  for (let i = 1; lines.has(delimiter); i += 1) delimiter = `EOF_${i}`;
  return `${command} <<'${delimiter}'\n${text}${text.endsWith('\n') ? '' : '\n'}${delimiter}\n`;
}

/** Path below /proc/sys of a sysctl. A device's name may hold dots itself. */
export function sysctlPath(name: string): string {
  const device = /^net\.(ipv4|ipv6)\.(conf|neigh)\.(.+)\.([\w-]+)$/.exec(name);
  return word(device === null ? name.replaceAll('.', '/') : `net/${device[1]}/${device[2]}/${device[3]}/${device[4]}`);
}

/** The netns' name on the real machine, without the prefix: `node01`, `client.default@controlplane` (no name in a cluster holds an `@`). */
export function exportedNetnsName(netnsId: string): string {
  const [host = '', , name = ''] = netnsId.split('/');
  return word(name === 'root' ? host : `${name}@${host}`);
}

/** bpftool: programs and the hooks they are attached to. Linux: tools/bpf/bpftool/{prog,net,cgroup}.c */
import { hashText } from '../../base/prng.ts';
import { type BpfProgram, SOCKET_PROGRAMS, type SocketProgramName } from '../../net/bpf/bpf-records.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import { defineCommand, type Invocation } from '../command.ts';

const USAGE = `Usage: bpftool [OPTIONS] OBJECT { COMMAND | help }
       bpftool prog { show | list } [id ID]
       bpftool net { show | list } [dev DEV]
       bpftool cgroup { show | list | tree } [CGROUP]
`;
const CGROUP = '/run/cilium/cgroupv2';

const programsOf = (state: BpfState | undefined): readonly BpfProgram[] => [...(state?.programs.values() ?? [])];

function progShow(state: BpfState | undefined, id: number | undefined): string {
  return programsOf(state)
    .map((program) => ({ program, number: state?.programId(program.id) ?? 0 }))
    .filter(({ number }) => id === undefined || number === id)
    .sort((a, b) => a.number - b.number)
    .map(({ program, number }) => {
      const type = program.hook !== 'cgroup' ? 'sched_cls' : program.name === 'cil_sock4_post_bind' ? 'cgroup_sock' : 'cgroup_sock_addr';
      const tag = [1, 2].map((seed) => hashText(program.name, seed).toString(16).padStart(8, '0')).join('');
      return `${number}: ${type}  name ${program.name}  tag ${tag}  gpl\n`;
    })
    .join('');
}

function netShow({ host, place }: Invocation, state: BpfState | undefined, only: string | undefined): string {
  let text = 'xdp:\n\ntc:\n';
  const devices = [...host.engine.records.values()]
    .flatMap((r) => (r.kind === 'device' && r.netns === place.netns ? [r] : []))
    .sort((a, b) => a.index - b.index);
  for (const device of devices) {
    if (only !== undefined && device.name !== only) continue;
    for (const program of programsOf(state))
      if (program.hook !== 'cgroup' && program.device === device.name)
        text += `${device.name}(${device.index}) ${program.hook} ${program.name} prog_id ${state?.programId(program.id)} \n`;
  }
  return `${text}\nflow_dissector:\n\nnetfilter:\n\n`;
}

function cgroupShow(state: BpfState | undefined, tree: boolean): string {
  const rows = programsOf(state).flatMap((program) =>
    program.hook === 'cgroup' ? [{ id: state?.programId(program.id) ?? 0, type: SOCKET_PROGRAMS[program.name as SocketProgramName], name: program.name }] : [],
  );
  const head = `${tree ? 'CgroupPath\n' : ''}ID       AttachType      AttachFlags     Name           \n`;
  const lines = rows.map((r) => `${tree ? '    ' : ''}${String(r.id).padEnd(8)} ${r.type.padEnd(15)} ${''.padEnd(15)} ${r.name.padEnd(15)}\n`);
  return `${head}${tree && rows.length > 0 ? `${CGROUP}\n` : ''}${lines.join('')}`;
}

export const bpftool = defineCommand({
  name: 'bpftool',
  summary: 'BPF programs of this host and where they are attached: prog show, net show, cgroup tree',
  group: 'network',
  run: (invocation) => {
    const { argv, out, err, host, place } = invocation;
    const [object = 'help', verb = 'show', ...rest] = argv;
    const state = host.engine.bpf(place.hostId);
    const after = (word: string): string | undefined => (rest.includes(word) ? rest[rest.indexOf(word) + 1] : undefined);
    const shows = verb === 'show' || verb === 'list';
    if ((object === 'prog' || object === 'p') && shows) {
      const id = after('id');
      const text = progShow(state, id === undefined ? undefined : Number(id));
      if (id !== undefined && text === '') {
        err(`Error: get by id (${id}): No such file or directory\n`);
        return 255;
      }
      out(text);
      return 0;
    }
    if ((object === 'net' || object === 'n') && shows) {
      out(netShow(invocation, state, after('dev')));
      return 0;
    }
    if (object === 'cgroup' && (shows || verb === 'tree')) {
      out(cgroupShow(state, verb === 'tree'));
      return 0;
    }
    err(object === 'help' ? USAGE : `Error: can't parse object or command "${argv.join(' ')}", or it is not simulated here\n${USAGE}`);
    return object === 'help' ? 0 : 255;
  },
  complete: (words) => (words.length <= 1 ? ['prog', 'net', 'cgroup'] : words.length === 2 ? ['show', 'list', ...(words[1] === 'cgroup' ? ['tree'] : [])] : []),
});

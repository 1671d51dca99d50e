import { describe, expect, it } from 'vitest';
import { behaviourOf, imageRole, parseImage } from './images.ts';

const ports = (image: string, extra: object = {}) =>
  behaviourOf({ name: 'c', image, ...extra }, 'pod-1').programs.map((program) => `${program.app}:${program.config.port}`);

describe('images', () => {
  it('are the same with and without registry, library, tag and digest', () => {
    expect(parseImage('docker.io/library/nginx:1.27-alpine')).toEqual({ repository: 'nginx', tag: '1.27-alpine' });
    expect(parseImage('localhost:5000/team/app')).toEqual({ repository: 'team/app', tag: 'latest' });
    expect(parseImage('nginx@sha256:00')).toEqual({ repository: 'nginx', tag: 'latest' });
    expect(imageRole('registry.k8s.io/coredns/coredns:v1.12.1')).toBe('coredns');
    expect(imageRole('ghcr.io/flannel-io/flannel:v0.27.4')).toBe('flannel');
    expect(imageRole('ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0')).toBe('unknown');
  });

  it('of servers listen where their programs listen, whatever containerPorts say', () => {
    expect(ports('nginx', { ports: [{ containerPort: 8080 }] })).toEqual(['http-server:80']);
    expect(ports('hashicorp/http-echo', { args: ['-text=hello', '-listen=:8080'] })).toEqual(['http-server:8080']);
    const bound = (image: string, rest: object) => behaviourOf({ name: 'c', image, ...rest }, 'p').programs[0]?.config;
    expect(bound('hashicorp/http-echo', { args: ['-listen=127.0.0.1:8080'] })).toMatchObject({ port: 8080, address: '127.0.0.1' });
    expect(bound('python:3', { command: ['python', '-m', 'http.server', '--bind', 'localhost', '9000'] })).toMatchObject({ address: '127.0.0.1' });
    expect(bound('python:3', { command: ['python', '-m', 'http.server', '9000', '-b', '0.0.0.0'] })).toEqual({ port: 9000, server: 'python' });
    expect(ports('registry.k8s.io/e2e-test-images/agnhost:2.53', { args: ['netexec', '--http-port', '8083'] })).toEqual(['http-server:8083', 'udp-echo:8081']);
    expect(ports('redis:7')).toEqual(['tcp-server:6379']);
  });

  it('with another command do not serve', () => {
    expect(ports('nginx', { command: ['sleep', '3600'] })).toEqual([]);
    expect(ports('nginx', { command: ['sh', '-c', "nginx -g 'daemon off;'"] })).toEqual(['http-server:80']);
  });

  it('that are not known answer on their containerPorts and say that they are simulated', () => {
    const behaviour = behaviourOf(
      { name: 'c', image: 'example.com/shop/api:3', ports: [{ containerPort: 8080 }, { containerPort: 53, protocol: 'UDP' }] },
      'api-1',
    );
    expect(behaviour.programs.map((program) => [program.app, program.suffix, program.config.port])).toEqual([
      ['http-server', '8080', 8080],
      ['udp-echo', '53-udp', 53],
    ]);
    expect(behaviour.note).toContain('is not known and is simulated');
  });
});

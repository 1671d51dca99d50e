/** kubectl describe resourcequota, limitrange, and both inside describe namespace. Kubernetes: kubectl/pkg/describe/describe.go */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, pairs, record, text } from '../../json.ts';
import { type DescribeContext, describeConditionTable, heading, metadata } from './common.ts';
import type { PrefixWriter } from './writer.ts';

const SCOPES: Readonly<Record<string, string>> = {
  Terminating: 'Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.',
  NotTerminating:
    'Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.',
  BestEffort: 'Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.',
  NotBestEffort: 'Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.',
};

function scopes(writer: PrefixWriter, level: number, quota: KubeObject): void {
  const names = list(at(quota, 'spec', 'scopes'))
    .map(text)
    .sort();
  if (names.length === 0) return;
  writer.write(level, `Scopes:\t${names.join(', ')}\n`);
  for (const name of names) if (Object.hasOwn(SCOPES, name)) writer.write(level, `${level === 0 ? ' ' : ''}* ${SCOPES[name]}\n`);
}

function amounts(writer: PrefixWriter, level: number, quota: KubeObject): void {
  for (const [name, hard] of pairs(at(quota, 'status', 'hard'))) writer.write(level, `${name}\t${text(at(quota, 'status', 'used', name)) || '0'}\t${hard}\n`);
}

export function describeQuota(writer: PrefixWriter, quota: KubeObject): void {
  heading(writer, quota);
  scopes(writer, 0, quota);
  writer.write(0, 'Resource\tUsed\tHard\n--------\t----\t----\n');
  amounts(writer, 0, quota);
}

/** kubectl takes the resources in the order of a Go map, which is none; here they are sorted. */
function limitRows(writer: PrefixWriter, range: KubeObject, prefix: string): void {
  for (const item of list(at(range, 'spec', 'limits'))) {
    const columns = ['min', 'max', 'defaultRequest', 'default', 'maxLimitRequestRatio'].map((field) => record(at(item, field)));
    const names = [...new Set(columns.flatMap((column) => Object.keys(column)))].sort();
    for (const name of names)
      writer.write(0, `${prefix}${text(at(item, 'type'))}\t${name}\t${columns.map((column) => text(column[name]) || '-').join('\t')}\n`);
  }
}

function limitHeader(writer: PrefixWriter, prefix: string): void {
  writer.write(0, `${prefix}Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n`);
  writer.write(0, `${prefix}----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n`);
}

export function describeLimitRange(writer: PrefixWriter, range: KubeObject): void {
  heading(writer, range);
  limitHeader(writer, '');
  limitRows(writer, range, '');
}

export function describeNamespace(writer: PrefixWriter, namespace: KubeObject, context: DescribeContext): void {
  const { view } = context.host.api;
  const { name } = namespace.metadata;
  heading(writer, namespace);
  metadata(writer, namespace);
  writer.write(0, `Status:\t${text(at(namespace, 'status', 'phase'))}\n`);
  describeConditionTable(writer, namespace, 'namespace');
  const quotas = view.list('ResourceQuota', name);
  writer.write(0, quotas.length === 0 ? '\nNo resource quota.\n' : '\nResource Quotas\n');
  for (const quota of quotas) {
    writer.write(1, `Name:\t${quota.metadata.name}\n`);
    scopes(writer, 1, quota);
    writer.write(1, 'Resource\tUsed\tHard\n');
    writer.write(1, '--------\t---\t---\n');
    amounts(writer, 1, quota);
  }
  const ranges = view.list('LimitRange', name);
  writer.write(0, ranges.length === 0 ? '\nNo LimitRange resource.\n' : '\nResource Limits\n');
  if (ranges.length > 0) limitHeader(writer, ' ');
  for (const range of ranges) limitRows(writer, range, ' ');
}
